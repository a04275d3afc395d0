/**
 * Processes that encode batches in parallel; any number of them gives the same bytes.
 *
 * They are processes, not threads, because the tokenizers library is native code that cannot be interrupted and ends
 * its process on a panic. A template, a pattern or a row that takes too much time or memory therefore causes a failure
 * that names it, and does not end the trainer.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { invalid, StageFailure } from "../../contract/failure.ts";
import { limitOf, type RowBatch } from "../rows/rowBatch.ts";
import { tooSlow } from "../rows/timeLimit.ts";
import type { CodecTexts } from "./codec.ts";
import type { EncodeOptions } from "./encode.ts";
import type { EncodedBatch } from "./encodeBatch.ts";
import type { EncodeReply, EncodeStart, EncodeTask } from "./encodeMessages.ts";
import { ProcessorTimer } from "./processorTimer.ts";

/** Starting a process takes as long as encoding a megabyte, and each process holds its own tokenizer. */
const bytesWorthProcess = 8 * 2 ** 20;

/** How many of `threads` processes are worth starting for so many bytes of rows. */
export function processesFor(bytes: number, threads: number): number {
  return Math.max(1, Math.min(threads, Math.floor(bytes / bytesWorthProcess)));
}

/** The JavaScript heap of a process, in MiB: reading a tokenizer.json with 256,000 words takes about 300. */
const heapMegabytes = 768;
/** Small, so that garbage collections are frequent: they free the library's memory for each text. */
const youngMegabytes = 4;

const program = fileURLToPath(new URL("./encodeProcess.ts", import.meta.url));
const execArgv = [
  `--max-old-space-size=${heapMegabytes}`,
  `--max-semi-space-size=${youngMegabytes}`,
  "--disable-warning=ExperimentalWarning",
];
/**
 * A process encodes one batch at a time, so one thread is enough, and one arena of malloc: with more, each thread's arena keeps
 * freed memory that the others cannot use, and the process grows with the data.
 */
const libraryVariables = { TOKENIZERS_PARALLELISM: "false", UV_THREADPOOL_SIZE: "1", MALLOC_ARENA_MAX: "1" };
/** Characters of standard error to keep, for the reason why a process ended. */
const keptCharacters = 8192;

interface Waiting {
  readonly batch: RowBatch;
  resolve(encoded: EncodedBatch): void;
  reject(error: unknown): void;
}

export class Encoders {
  /** Number of batches to request before awaiting the first. */
  readonly window: number;
  readonly #processes: readonly EncodingProcess[];
  #next = 0;

  constructor(texts: CodecTexts, options: EncodeOptions, processes: number) {
    this.window = 3 * processes;
    this.#processes = Array.from({ length: processes }, () => new EncodingProcess({ texts, options }));
  }

  /** Rejects with a failure for a model that cannot be used. */
  encode(batch: RowBatch): Promise<EncodedBatch> {
    const idlest = this.#processes.reduce((a, b) => (b.load < a.load ? b : a));
    return idlest.encode(this.#next++, batch);
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.close()));
  }
}

class EncodingProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  /** Pending requests, in the order of the answers. */
  readonly #waiting = new Map<number, Waiting>();
  #errors = "";
  readonly #timer: ProcessorTimer | undefined;
  /** Set once the process has ended; no answer follows. */
  #broken: unknown;

  constructor(start: EncodeStart) {
    const env = { ...process.env, ...libraryVariables };
    const stdio = ["ignore", "ignore", "pipe", "ipc"] as const;
    this.#child = fork(program, { execArgv, env, stdio: [...stdio], serialization: "advanced" });
    if (this.#child.pid !== undefined) this.#timer = new ProcessorTimer(this.#child.pid);
    this.#child.on("message", (reply: EncodeReply) => this.#take(reply));
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.#errors = (this.#errors + data.toString("utf8")).slice(-keptCharacters);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => this.#end(error));
      this.#child.on("close", (code, signal) => {
        this.#end(endOf(this.#errors, signal ?? `exit code ${code}`, this.#lines()));
        resolve();
      });
    });
    this.#send(start);
  }

  /** Number of unanswered batches. */
  get load(): number {
    return this.#waiting.size;
  }

  encode(id: number, batch: RowBatch): Promise<EncodedBatch> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const { promise, resolve, reject } = Promise.withResolvers<EncodedBatch>();
    this.#waiting.set(id, { batch, resolve, reject });
    if (this.#waiting.size === 1) this.#watch();
    this.#send({ id, batch });
    return promise;
  }

  async close(): Promise<void> {
    this.#timer?.stop();
    this.#broken ??= new Error("the encoders are closed");
    this.#child.kill("SIGKILL");
    if (this.#child.pid !== undefined) await this.#ended;
  }

  /** Ignores errors of sending to a process that has just ended; its end is reported separately. */
  #send(message: EncodeStart | EncodeTask): void {
    this.#child.send(message, () => {});
  }

  #take(reply: EncodeReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    this.#watch();
    if ("encoded" in reply) waiting?.resolve(reply.encoded);
    else waiting?.reject(new StageFailure(reply.failure.code, reply.failure.reason, reply.failure.message));
  }

  /** Ends the process when its current batch takes too much processor time. */
  #watch(): void {
    this.#timer?.stop();
    const [first] = this.#waiting.values();
    if (!first) return;
    // The process's own limits, which name the row, interrupt it before.
    const milliseconds = 4 * limitOf(first.batch);
    this.#timer?.start(milliseconds, () => {
      const seconds = Math.ceil(milliseconds / 1000);
      this.#end(tooSlow(`did not end within ${seconds} seconds of processor time for ${this.#lines()}`));
      this.#child.kill("SIGKILL");
    });
  }

  /** The rows of the process's current batch; a line 0 belongs to no file (tokenizerTrial.ts). */
  #lines(): string {
    const [first] = this.#waiting.values();
    if (!first) return "no row";
    const { lines } = first.batch;
    if (lines[0] === 0) return "a short text";
    return lines.length === 1 ? `the row of line ${lines[0]}` : `a row of lines ${lines[0]} to ${lines.at(-1)}`;
  }

  #end(reason: unknown): void {
    this.#timer?.stop();
    this.#broken ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#broken);
    this.#waiting.clear();
  }
}

/** Signals by which native code ends its own process. */
const crashes: ReadonlySet<string> = new Set(["SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL"]);

/** The reason why a process ended, from its standard error. Pure. */
function endOf(errors: string, how: string, lines: string): unknown {
  if (/heap out of memory/i.test(errors)) {
    return invalid(
      "EncodingTooLarge",
      `the base model's chat template or tokenizer needs more than ${heapMegabytes} MiB for ${lines}; use another base model, or shorter rows`,
    );
  }
  if (/panicked at[\s\S]*(retry|time|stack|subexp-call)[- ]limit/i.test(errors))
    return tooSlow(`has a pattern that backtracks without end for ${lines}`);
  if (/panicked at|fatal runtime error|memory allocation of/.test(errors) || crashes.has(how)) {
    return invalid(
      "TokenizerInvalid",
      `tokenizer.json: the tokenizers library failed on ${lines}, probably because the file is damaged; replace it with the one that the model's authors publish`,
    );
  }
  return new Error(`the encoding process ended (${how}) at ${lines}: ${errors.trim() || "it wrote no error"}`);
}
