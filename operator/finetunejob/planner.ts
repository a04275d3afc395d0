/**
 * Asks the trainer's planner, in a worker thread with a time and memory limit, one at a time, and remembers the answers.
 * A refusal is an answer; a planner that took too long or broke is asked again, after a back-off that doubles.
 */
import { Worker } from "node:worker_threads";
import { effectiveSettings } from "../../trainer/contract/effective.ts";
import type { PlanInput, Plan as TrainerPlan } from "../../trainer/plan.ts";
import type { FineTuneJobSpec, Inputs } from "../api/fineTuneJob.ts";
import { trainingPart } from "../api/settings.ts";
import { bytesText } from "../jobs/quantity.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { assumedCores, coreLimit } from "./fit.ts";
import { modelOf } from "./pins.ts";
import type { Plan } from "./world.ts";

export type PlanQuestion = PlanInput;

type Figures = Pick<
  TrainerPlan,
  "trainableParameters" | "totalParameters" | "predictedPeakBytes" | "microRows" | "recomputedBlocks" | "steps" | "fits"
>;

export type PlanAnswer =
  | { kind: "planned"; figures: Figures; nearestFit: TrainerPlan["nearestFit"] }
  | { kind: "refused"; message: string }
  /** No answer, and another time there may be one. */
  | { kind: "broken"; message: string };

interface Remembered {
  answer: Promise<PlanAnswer>;
  /** Times that the planner broke on this question. */
  breaks: number;
  /** When to ask again, in ms since the epoch; not while the answer is awaited or stands. */
  askAgainAt: number;
}

const baseRetryMs = 60_000;
const maxRetryMs = 3_600_000;
const usualTimeLimitMs = 30_000;
const memoryLimitMb = 1024;
const remembered = 512;

export class Planner {
  readonly #answers = new Map<string, Remembered>();
  readonly #timeLimitMs: number;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { timeLimitMs?: number; clock?: Clock } = {}) {
    this.#timeLimitMs = options.timeLimitMs ?? usualTimeLimitMs;
    this.#clock = options.clock ?? systemClock;
  }

  /** `availableBytes` undefined: nothing to compare with, so it counts as fitting. */
  async plan(
    key: string,
    { spec, inputs, availableBytes }: { spec: FineTuneJobSpec; inputs: Inputs; availableBytes: number | undefined },
  ): Promise<Plan> {
    const asked = this.#ask(`${key} ${availableBytes}`, {
      settings: effectiveSettings(trainingPart(spec)),
      model: modelOf(inputs),
      baseDataType: inputs.baseDataType,
      dataset: inputs.dataset,
      availableBytes: availableBytes ?? Number.MAX_SAFE_INTEGER,
      threads: coreLimit(spec) ?? assumedCores,
    });
    const answer = await asked.answer;
    if (answer.kind === "refused") return { kind: "failed", message: answer.message };
    if (answer.kind === "broken") {
      return { kind: "failed", message: answer.message, retryAfterMs: asked.askAgainAt - this.#now() };
    }
    const { figures, nearestFit } = answer;
    return {
      kind: "planned",
      plan: {
        key,
        ...figures,
        ...(availableBytes === undefined ? {} : { availableBytes }),
        ...(nearestFit === undefined
          ? {}
          : { nearestFit: `${nearestFit.change} (needs ${bytesText(nearestFit.predictedPeakBytes)})` }),
      },
    };
  }

  #ask(key: string, question: PlanQuestion): Remembered {
    const known = this.#answers.get(key);
    if (known && this.#now() < known.askAgainAt) return known;
    const answer = this.#last.then(() => inWorker(question, this.#timeLimitMs));
    const asked = { answer, breaks: known?.breaks ?? 0, askAgainAt: Number.POSITIVE_INFINITY };
    asked.answer = answer.then((given) => {
      if (given.kind === "broken") asked.askAgainAt = this.#now() + retryDelayMs(asked.breaks++);
      return given;
    });
    this.#last = asked.answer;
    this.#answers.set(key, asked);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > remembered && oldest !== undefined) this.#answers.delete(oldest);
    return asked;
  }

  #now(): number {
    return this.#clock().getTime();
  }
}

const retryDelayMs = (breaks: number) => Math.min(baseRetryMs * 2 ** breaks, maxRetryMs);

/** Never rejects: what goes wrong in there is an answer. */
function inWorker(question: PlanQuestion, timeLimitMs: number): Promise<PlanAnswer> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./planWorker.ts", import.meta.url), {
      workerData: question,
      resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb },
    });
    const end = (answer: PlanAnswer) => {
      clearTimeout(timer);
      resolve(answer);
      void worker.terminate();
    };
    const fail = (message: string) => end({ kind: "broken", message });
    const timer = setTimeout(() => fail(`the plan took longer than ${timeLimitMs / 1000} s`), timeLimitMs);
    worker.once("message", end);
    worker.once("error", (error) =>
      fail(`the planner failed: ${error instanceof Error ? error.message : String(error)}`),
    );
    worker.once("exit", (code) => fail(`the planner ended with code ${code}`));
  });
}
