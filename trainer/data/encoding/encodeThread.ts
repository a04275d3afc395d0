/** A thread that encodes batches, as encoders.ts starts it. */
import { parentPort, workerData } from "node:worker_threads";
import { StageFailure } from "../../contract/failure.ts";
import { codecOf } from "./codec.ts";
import type { Codec } from "./encode.ts";
import { encodeBatch } from "./encodeBatch.ts";
import type { EncodeReply, EncodeTask, EncodeThreadData } from "./encodeMessages.ts";

const { texts, options }: EncodeThreadData = workerData;
let codec: Codec | undefined;

function replyTo({ id, batch }: EncodeTask): EncodeReply {
  try {
    codec ??= codecOf(texts);
    return { id, encoded: encodeBatch(batch, options, codec) };
  } catch (error) {
    // Anything else is a crash of ours: it ends the thread, and who waits hears of it.
    if (!(error instanceof StageFailure)) throw error;
    return { id, failure: { code: error.code, reason: error.reason, message: error.message } };
  }
}

parentPort?.on("message", (task: EncodeTask) => {
  const reply = replyTo(task);
  const parts = "encoded" in reply ? Object.values(reply.encoded) : [];
  const moved = parts.flatMap((part) =>
    ArrayBuffer.isView(part) && part.buffer instanceof ArrayBuffer ? [part.buffer] : [],
  );
  parentPort?.postMessage(reply, moved);
});
