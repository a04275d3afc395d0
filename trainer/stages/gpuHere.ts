/** The GPU of this process, and its memory in words. */
import { formatBytes } from "../contract/bytes.ts";
import { exitCode } from "../contract/exitCodes.ts";
import { invalid, messageOf, StageFailure } from "../contract/failure.ts";
import { addon, type GpuInfo, hasCause } from "../native/addon.ts";
import { productOf } from "../planning/gpus.ts";
import type { Plan } from "../planning/plan.ts";

/** Opens the GPU. Throws a failure if there is no GPU, if it is not a `product`, or if it cannot page although it must. */
export function gpuHere(product: string | undefined, { paged }: { readonly paged: boolean }): GpuInfo {
  const found = openedGpu();
  const actual = productOf(found.name);
  if (paged && !found.pages)
    throw invalid(
      "CannotPage",
      `training.optimizer.paged: ${actual} and its driver cannot move pages to the machine's memory: remove paged`,
    );
  if (product === undefined || actual === product) return found;
  throw invalid(
    "OtherGpu",
    `placement.gpuClass is ${product}, but this GPU is ${actual} with ${formatBytes(found.totalBytes)}: ` +
      "request the class that the nodes have, or leave gpuClass out to train on any GPU with enough memory",
  );
}

function openedGpu(): GpuInfo {
  try {
    return addon().gpu();
  } catch (error) {
    if (!hasCause(error, "NoUsableGpu")) throw error;
    throw invalid(
      "NoUsableGpu",
      `the training needs a GPU: ${messageOf(error)}. In a cluster, check that the device plugin gives the pod a GPU, and set ` +
        "placement.runtimeClassName where the NVIDIA runtime is not the default; placement.gpusPerNode: 0 trains on CPUs",
    );
  }
}

/** Adds to a failure for lack of memory the plan's table beside the GPU's truth; other errors stay. */
export function withMemoryTable(error: unknown, { memory, predictedPeakBytes }: Plan): unknown {
  if (!(error instanceof StageFailure) || error.code !== exitCode.outOfDeviceMemory) return error;
  const { name, totalBytes, freeBytes } = addon().gpu();
  const table = Object.entries(memory)
    .filter(([, bytes]) => bytes > 0)
    .map(([category, bytes]) => `${category === "process" ? "context" : category} ${formatBytes(bytes)}`)
    .join(", ");
  const message =
    `${error.message}. Planned: ${formatBytes(predictedPeakBytes)} (${table}). ${name}: ${formatBytes(freeBytes)} free of ` +
    `${formatBytes(totalBytes)}. End other programs on the GPU, or set placement.deviceMemory to the memory that the training ` +
    "may take";
  return new StageFailure(error.code, error.reason, message, { cause: error });
}
