/** The process that encoders.ts starts to encode batches one after the other. It ends with its parent process. */
import { StageFailure } from "../../contract/failure.ts";
import { type Codec, codecOf } from "./codec.ts";
import { encodeBatch } from "./encodeBatch.ts";
import type { EncodeReply, EncodeStart, EncodeTask } from "./encodeMessages.ts";

let start: EncodeStart | undefined;
let codec: Codec | undefined;
let earlier = Promise.resolve();

async function replyTo({ id, batch }: EncodeTask, { texts, options }: EncodeStart): Promise<EncodeReply> {
  try {
    codec ??= await codecOf(texts);
    return { id, encoded: await encodeBatch(batch, options, codec) };
  } catch (error) {
    // Any other error is a bug; it ends the process, and encoders.ts reports it.
    if (!(error instanceof StageFailure)) throw error;
    return { id, failure: { code: error.code, reason: error.reason, message: error.message } };
  }
}

process.on("message", (message: EncodeStart | EncodeTask) => {
  if (!("id" in message)) {
    start = message;
    return;
  }
  const given = start;
  if (given === undefined) throw new Error("a batch came before the texts of the model");
  earlier = earlier.then(async () => void process.send?.(await replyTo(message, given)));
});

// A terminal sends Ctrl-C to both processes; the parent decides what to do.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
// Not `exit`, because that waits for the library.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
