/** A process that encodes batches one after the other, as encoders.ts starts it. It ends with the process that started it. */
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
    // Any other error is a bug: it ends the process, and encoders.ts reports it.
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

// A terminal sends Ctrl-C to both processes; the one that started this one decides what to do.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
// Not `exit`, which waits for the library.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
