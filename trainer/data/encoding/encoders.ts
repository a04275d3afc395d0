/**
 * Threads that encode batches beside each other; any number of them gives the same bytes. A thread has bounds of its own
 * for memory, so that a template or a row that asks for more ends with a failure and not with the process.
 */
import { Worker } from "node:worker_threads";
import { invalid, StageFailure } from "../../contract/failure.ts";
import type { RowBatch } from "../rows/rowBatch.ts";
import type { CodecTexts } from "./codec.ts";
import type { EncodeOptions } from "./encode.ts";
import type { EncodedBatch } from "./encodeBatch.ts";
import type { EncodeReply, EncodeTask, EncodeThreadData } from "./encodeMessages.ts";

/** Starting a thread takes as long as encoding some megabytes. */
const bytesWorthThread = 8 * 2 ** 20;

/** Of `threads` that may be busy, how many for so many bytes of rows. */
export function threadsFor(bytes: number, threads: number): number {
  return Math.max(1, Math.min(threads, Math.floor(bytes / bytesWorthThread)));
}

/** Of a thread, in MiB: a tokenizer of 256,000 words takes about 300. */
const threadMemory = { maxOldGenerationSizeMb: 768, maxYoungGenerationSizeMb: 32 };

interface Waiting {
  resolve(encoded: EncodedBatch): void;
  reject(error: unknown): void;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, Waiting>;
}

export class Encoders {
  /** Batches that are best asked for before the first is awaited. */
  readonly window: number;
  readonly #threads: Thread[];
  #next = 0;
  /** Set once a thread has ended by itself: nothing more comes. */
  #broken: unknown;

  constructor(texts: CodecTexts, options: EncodeOptions, threads: number) {
    this.window = 3 * threads;
    this.#threads = Array.from({ length: threads }, () => this.#start({ texts, options }));
  }

  /** The batch's arrays move to the thread. Rejects with a failure for a model that cannot be used. */
  encode(batch: RowBatch): Promise<EncodedBatch> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const id = this.#next++;
    const { worker, waiting } = this.#threads.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    const { promise, resolve, reject } = Promise.withResolvers<EncodedBatch>();
    waiting.set(id, { resolve, reject });
    const task: EncodeTask = { id, batch };
    worker.postMessage(task, [batch.bytes.buffer, batch.ends.buffer, batch.lines.buffer]);
    return promise;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #start(workerData: EncodeThreadData): Thread {
    const worker = new Worker(new URL("./encodeThread.ts", import.meta.url), {
      workerData,
      resourceLimits: threadMemory,
    });
    const thread: Thread = { worker, waiting: new Map() };
    worker.on("message", (reply: EncodeReply) => {
      const waiting = thread.waiting.get(reply.id);
      thread.waiting.delete(reply.id);
      if ("encoded" in reply) waiting?.resolve(reply.encoded);
      else waiting?.reject(new StageFailure(reply.failure.code, reply.failure.reason, reply.failure.message));
    });
    worker.on("error", (error) => {
      this.#broken = failureOf(error);
      for (const { reject } of thread.waiting.values()) reject(this.#broken);
      thread.waiting.clear();
    });
    return thread;
  }
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY")) return error;
  return invalid(
    "EncodingTooLarge",
    `the base model's chat template or tokenizer takes over ${threadMemory.maxOldGenerationSizeMb} MiB for a row; use a base with another one, or shorter rows`,
  );
}
