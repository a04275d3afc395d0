/** The plan of a run on this machine, or the reason why it cannot run here. */
import { totalmem } from "node:os";
import { formatBytes } from "../contract/bytes.ts";
import type { EffectiveSettings, TrainingSettings } from "../contract/effective.ts";
import { invalid, type StageFailure } from "../contract/failure.ts";
import { remoteScheme } from "../contract/locations.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { gpuOfProduct, productOf } from "../planning/gpus.ts";
import { sequencesOfExample } from "../planning/memory.ts";
import { type Plan, PlanError, type PlanInput, plan } from "../planning/plan.ts";
import { cpuTarget, gpuTarget } from "../planning/target.ts";
import type { StageContext } from "./context.ts";
import { gpuHere } from "./gpuHere.ts";
import type { TrainInputs } from "./trainInputs.ts";

/** Plans for the memory that this process may use. Throws a failure that names a change that would fit. */
export async function planHere(
  settings: EffectiveSettings,
  inputs: TrainInputs,
  artifactRoot: string,
  context: Pick<StageContext, "log" | "threads" | "memoryLimit" | "gpu">,
): Promise<Plan> {
  const { target, availableBytes } = deviceOf(context, settings.training);
  const { storage, train, validation, questions } = inputs;
  const planned = planOrFail({
    settings,
    model: await inputs.base.config(),
    baseDataType: storage.dense,
    quantized: storage.linear === "NF4" ? { ...storage, type: storage.linear } : undefined,
    dataset: {
      rows: train.rowCount,
      examples: Math.ceil(train.exampleCount / sequencesOfExample(settings)),
      tokens: train.tokens.length,
      validationExamples: Math.ceil((validation?.exampleCount ?? 0) / sequencesOfExample(settings)),
      testExamples: questions?.length ?? 0,
    },
    availableBytes,
    target,
    isRemote: remoteScheme(artifactRoot) !== undefined,
  });
  if (train.rowTokens !== planned.spec.rowTokens) {
    throw invalid(
      "PinsMismatch",
      `the pinned data set has rows of ${train.rowTokens} tokens, but the run file has ${planned.spec.rowTokens}`,
    );
  }
  if (JSON.stringify(storage) !== JSON.stringify(planned.spec.storage)) {
    throw invalid(
      "PinsMismatch",
      `the pinned base's linear layers are stored in ${storageText(storage)}, but the run file has ${storageText(planned.spec.storage)}`,
    );
  }
  const hasPreferences = train.role !== undefined;
  if (hasPreferences !== (settings.dataset.form !== "Examples")) {
    throw invalid(
      "PinsMismatch",
      `the pinned data set holds ${hasPreferences ? "preferences" : "examples"}, but the run file has the objective ${settings.training.objective.type}`,
    );
  }
  const where = target.device === "cuda" ? ` on ${target.gpu.title}` : "";
  context.log(`${summary(planned, availableBytes)}${where}`);
  if (!planned.fits) throw doesNotFit(planned, availableBytes, where);
  return planned;
}

/** The device of the training and its memory. Throws a failure if it has no GPU, or another one. */
function deviceOf(
  { threads, gpu, memoryLimit = Number.POSITIVE_INFINITY }: Pick<StageContext, "threads" | "memoryLimit" | "gpu">,
  { optimizer }: TrainingSettings,
): Pick<PlanInput, "target" | "availableBytes"> {
  if (!gpu) return { target: cpuTarget(threads), availableBytes: Math.min(memoryLimit, memoryOfProcess()) };
  const { name, totalBytes } = gpuHere(gpu.product, optimizer);
  return {
    target: gpuTarget(gpuOfProduct(productOf(name), totalBytes)),
    availableBytes: Math.min(memoryLimit, totalBytes),
  };
}

/** The plan. Throws a failure when planning fails. */
export function planOrFail(input: PlanInput): Plan {
  try {
    return plan(input);
  } catch (error) {
    if (error instanceof PlanError) throw invalid("PlanImpossible", error.message);
    throw error;
  }
}

function summary(planned: Plan, availableBytes: number): string {
  const { steps, trainableParameters, totalParameters, microRows, predictedPeakBytes } = planned;
  return (
    `plan: ${steps} steps, ${trainableParameters} of ${totalParameters} parameters trained, ` +
    `${microRows} rows per micro-batch, ${formatBytes(predictedPeakBytes)} of ${formatBytes(availableBytes)}`
  );
}

function doesNotFit({ predictedPeakBytes, nearestFit }: Plan, availableBytes: number, where: string): StageFailure {
  const way = nearestFit ? `; ${nearestFit.change} would fit` : "";
  return invalid(
    "DoesNotFit",
    `the training needs ${formatBytes(predictedPeakBytes)}, but ${formatBytes(availableBytes)} are available${where}${way}`,
  );
}

const storageText = ({ linear, doubleQuantization }: CompileSpec["storage"]) =>
  doubleQuantization ? `${linear}, quantised twice` : linear;

/** Memory that this process may use, in bytes: the machine's, or its cgroup's limit if lower. */
export function memoryOfProcess(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
