/**
 * The planner's thread, with a time and a memory limit, so that a hostile model cannot starve the operator's event loop.
 * It starts with the first question and stays for the next ones, because a start costs ten times a plan. The operator
 * terminates it when it is late, broken, or idle.
 */
import { Worker } from "node:worker_threads";
import type { PlanAnswer, PlanQuestion } from "./planWorker.ts";

const memoryLimitMb = 1024;
const idleMs = 30_000;

export class PlanThread {
  readonly #timeLimitMs: number;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(timeLimitMs: number) {
    this.#timeLimitMs = timeLimitMs;
  }

  /** One question at a time. Never rejects: a failure is an answer too. */
  async ask(question: PlanQuestion): Promise<PlanAnswer> {
    clearTimeout(this.#idle);
    try {
      this.#worker ??= this.#start();
      return await this.#answerOf(this.#worker, question);
    } catch (error) {
      // The thread cannot start if the process has reached its limit of threads or memory.
      return { kind: "broken", message: `the planner cannot be started: ${messageOf(error)}` };
    }
  }

  #answerOf(worker: Worker, question: PlanQuestion): Promise<PlanAnswer> {
    return new Promise((resolve) => {
      const end = (answer: PlanAnswer) => {
        clearTimeout(timer);
        worker.off("message", end).off("error", broke).off("exit", exited);
        if (answer.kind === "broken") this.#stop();
        else this.#idle = setTimeout(() => this.#stop(), idleMs).unref();
        resolve(answer);
      };
      const fail = (message: string) => end({ kind: "broken", message });
      const late = () => fail(`the plan took longer than ${this.#timeLimitMs / 1000} s`);
      const broke = (error: unknown) => fail(`the planner failed: ${messageOf(error)}`);
      const exited = (code: number) => fail(`the planner ended with code ${code}`);
      const timer = setTimeout(late, this.#timeLimitMs);
      worker.on("message", end).on("error", broke).on("exit", exited);
      worker.postMessage(question);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./planWorker.ts", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb },
    });
    // While a question is open, its timer keeps the process alive; an idle thread must not.
    worker.unref();
    // The thread may also end between two questions.
    worker.on("error", () => this.#forget(worker)).on("exit", () => this.#forget(worker));
    return worker;
  }

  #stop(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  #forget(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined;
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
