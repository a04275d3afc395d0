/**
 * Calls the trainer's planner in a separate thread (planThread.ts), one question at a time, and caches the answers.
 * A refusal is an answer; a planner that timed out or crashed is retried after a back-off that doubles.
 */
import { formatBytes } from "../../trainer/contract/bytes.ts";
import { effectiveSettings } from "../../trainer/contract/effective.ts";
import { remoteScheme } from "../../trainer/contract/locations.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { gpuOfProduct } from "../../trainer/planning/gpus.ts";
import { cpuTarget, gpuTarget } from "../../trainer/planning/target.ts";
import type { FineTuneJobSpec, Inputs } from "../api/fineTuneJob.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { anyGpu, assumedCores, coreLimit, type MemoryBound } from "./fit.ts";
import { modelOf } from "./pins.ts";
import { PlanThread } from "./planThread.ts";
import type { PlanAnswer, PlanQuestion } from "./planWorker.ts";
import type { Plan } from "./world.ts";

interface Remembered {
  answer: Promise<PlanAnswer>;
  /** How often the planner failed on this question. */
  breaks: number;
  /** When to retry, in ms since the epoch; infinite while the answer is pending or valid. */
  retryAt: number;
}

const baseRetryMs = 60_000;
const maxRetryMs = 3_600_000;
const usualTimeLimitMs = 30_000;
const remembered = 512;

export class Planner {
  readonly #answers = new Map<string, Remembered>();
  readonly #thread: PlanThread;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { timeLimitMs?: number; clock?: Clock } = {}) {
    this.#thread = new PlanThread(options.timeLimitMs ?? usualTimeLimitMs);
    this.#clock = options.clock ?? systemClock;
  }

  /** `available` undefined: no memory is known to compare with, so the run counts as fitting. */
  async plan(
    key: string,
    { spec, inputs, available }: { spec: FineTuneJobSpec; inputs: Inputs; available: MemoryBound | undefined },
  ): Promise<Plan> {
    const asked = this.#ask(`${key} ${available?.bytes} ${available?.gpu}`, {
      settings: effectiveSettings(trainingPart(spec)),
      model: modelOf(inputs),
      baseDataType: inputs.baseDataType,
      quantized: inputs.quantized,
      dataset: inputs.dataset,
      availableBytes: available?.bytes ?? Number.MAX_SAFE_INTEGER,
      target: targetOf(spec, available),
      isRemote: remoteScheme(spec.artifacts.uri) !== undefined,
    });
    const answer = await asked.answer;
    if (answer.kind === "refused") return { kind: "failed", message: answer.message };
    if (answer.kind === "broken") {
      return { kind: "failed", message: answer.message, retryAfterMs: asked.retryAt - this.#now() };
    }
    const { figures, nearestFit } = answer;
    return {
      kind: "planned",
      plan: {
        key,
        ...figures,
        ...(available === undefined ? {} : { availableBytes: available.bytes, availableFrom: available.from }),
        ...(spec.placement.gpusPerNode > 0 && { device: available?.gpu ?? anyGpu }),
        ...(nearestFit === undefined
          ? {}
          : { nearestFit: `${nearestFit.change} (needs ${formatBytes(nearestFit.predictedPeakBytes)})` }),
      },
    };
  }

  #ask(key: string, question: PlanQuestion): Remembered {
    const known = this.#answers.get(key);
    if (known && this.#now() < known.retryAt) return known;
    const answer = this.#last.then(() => this.#thread.ask(question));
    const asked = { answer, breaks: known?.breaks ?? 0, retryAt: Number.POSITIVE_INFINITY };
    asked.answer = answer.then((given) => {
      if (given.kind === "broken") asked.retryAt = this.#now() + retryDelayMs(asked.breaks++);
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

function targetOf(spec: FineTuneJobSpec, available: MemoryBound | undefined): PlanQuestion["target"] {
  if (spec.placement.gpusPerNode === 0) return cpuTarget(coreLimit(spec) ?? assumedCores);
  return gpuTarget(gpuOfProduct(available?.gpu ?? anyGpu, available?.bytes ?? Number.MAX_SAFE_INTEGER));
}

const retryDelayMs = (breaks: number) => Math.min(baseRetryMs * 2 ** breaks, maxRetryMs);
