/**
 * Asks the trainer's planner, in a worker thread with a time and memory limit, one at a time, and remembers the answers.
 */
import { Worker } from "node:worker_threads";
import { effectiveSettings } from "../../trainer/contract/effective.ts";
import type { PlanInput, Plan as TrainerPlan } from "../../trainer/plan.ts";
import type { FineTuneJobSpec, Inputs } from "../api/fineTuneJob.ts";
import { trainingPart } from "../api/settings.ts";
import { bytesText } from "../jobs/quantity.ts";
import { modelOf } from "./pins.ts";
import type { Plan } from "./world.ts";

export type PlanQuestion = PlanInput;

type Figures = Pick<
  TrainerPlan,
  "trainableParameters" | "totalParameters" | "predictedPeakBytes" | "microRows" | "recomputedBlocks" | "steps" | "fits"
>;

export type PlanAnswer =
  | { kind: "planned"; figures: Figures; nearestFit: TrainerPlan["nearestFit"] }
  | { kind: "failed"; message: string };

const usualTimeLimitMs = 30_000;
const memoryLimitMb = 1024;
const remembered = 512;

export class Planner {
  readonly #answers = new Map<string, Promise<PlanAnswer>>();
  readonly #timeLimitMs: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { timeLimitMs?: number } = {}) {
    this.#timeLimitMs = options.timeLimitMs ?? usualTimeLimitMs;
  }

  /** `availableBytes` undefined: nothing to compare with, so it counts as fitting. */
  async plan(
    key: string,
    { spec, inputs, availableBytes }: { spec: FineTuneJobSpec; inputs: Inputs; availableBytes: number | undefined },
  ): Promise<Plan> {
    const answer = await this.#ask(`${key} ${availableBytes}`, {
      settings: effectiveSettings(trainingPart(spec)),
      model: modelOf(inputs),
      baseDataType: inputs.baseDataType,
      dataset: { rows: inputs.dataset.rows, testExamples: inputs.dataset.testExamples },
      availableBytes: availableBytes ?? Number.MAX_SAFE_INTEGER,
    });
    if (answer.kind === "failed") return answer;
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

  #ask(key: string, question: PlanQuestion): Promise<PlanAnswer> {
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#last.then(() => inWorker(question, this.#timeLimitMs));
    this.#last = answer;
    this.#answers.set(key, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > remembered && oldest !== undefined) this.#answers.delete(oldest);
    return answer;
  }
}

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
    const fail = (message: string) => end({ kind: "failed", message });
    const timer = setTimeout(() => fail(`the plan took longer than ${timeLimitMs / 1000} s`), timeLimitMs);
    worker.once("message", end);
    worker.once("error", (error) =>
      fail(`the planner failed: ${error instanceof Error ? error.message : String(error)}`),
    );
    worker.once("exit", (code) => fail(`the planner ended with code ${code}`));
  });
}
