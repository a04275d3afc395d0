/** What a training will take, as a person reads it. Pure. */
import type { Plan } from "../../trainer/plan.ts";
import { formatBytes, formatCount, formatShare } from "./format.ts";
import { table } from "./table.ts";

const memoryTexts: Record<keyof Plan["memory"], string> = {
  weights: "base model, mapped from its files",
  parameters: "trained parameters",
  derived: "trained parameters as the forward pass reads them",
  gradients: "gradients",
  moments: "optimiser",
  best: "the best parameters so far",
  cache: "keys and values while answers are generated",
  activations: "activations",
  io: "inputs and outputs",
  process: "the process itself",
};

export function planLines(plan: Plan, availableBytes: number): string[] {
  const { trainableParameters, totalParameters, predictedPeakBytes, sites } = plan;
  const fused = sites.filter((site) => site.trained.length > 0);
  return [
    ...table([
      [
        "parameters",
        `${formatCount(trainableParameters)} trained of ${formatCount(totalParameters)} (${formatShare(trainableParameters / totalParameters)})`,
      ],
      ["base", storageText(plan.spec.storage)],
      ["steps", `${plan.steps}, ${formatCount(plan.flopsPerStep)}FLOP each`],
      ["micro-batch", `${plan.microRows} rows of ${plan.spec.rowTokens} tokens`],
      ["recomputed", `${plan.recomputedBlocks} of ${plan.spec.model.layers} blocks in the backward pass`],
      ...(fused.length === 0 ? [] : [["adapted", adaptedText(fused)]]),
    ]),
    "",
    "memory",
    ...table(memoryRows(plan), [1]).map((line) => `  ${line}`),
    "",
    fitText(plan, predictedPeakBytes, availableBytes),
  ];
}

/** How a base is stored while it is trained on. */
export function storageText({ dense, linear, doubleQuantization }: Plan["spec"]["storage"]): string {
  if (linear === dense) return `in ${dense}`;
  const twice = doubleQuantization ? ", double quantisation" : "";
  return `linear layers in ${linear}${twice}; embeddings and norms in ${dense}`;
}

function adaptedText(sites: Plan["sites"]): string {
  const unfused = sites.filter(({ fused }) => !fused);
  const apart = unfused.length === 0 ? "all fused" : `not fused: ${unfused.map(({ name }) => name).join(", ")}`;
  return `${sites.length} linear layers, ${apart}`;
}

function memoryRows({ memory, predictedPeakBytes }: Plan): string[][] {
  const rows = [
    [memoryTexts.weights, memory.weights],
    [memoryTexts.parameters, memory.parameters],
    [memoryTexts.derived, memory.derived],
    [memoryTexts.gradients, memory.gradients],
    [memoryTexts.moments, memory.moments],
    [memoryTexts.best, memory.best],
    [memoryTexts.activations, memory.activations],
    [memoryTexts.cache, memory.cache],
    [memoryTexts.io, memory.io],
    [memoryTexts.process, memory.process],
    ["together", predictedPeakBytes],
  ] as const;
  return rows.filter(([, bytes]) => bytes > 0).map(([text, bytes]) => [text, formatBytes(bytes)]);
}

function fitText({ fits, nearestFit }: Plan, peak: number, available: number): string {
  if (fits) return `fits: ${formatBytes(peak)} of ${formatBytes(available)}`;
  const way =
    nearestFit === undefined
      ? "and no setting near it does"
      : `the nearest that fits: ${nearestFit.change} (${formatBytes(nearestFit.predictedPeakBytes)})`;
  return `does not fit: ${formatBytes(peak)} of ${formatBytes(available)}; ${way}`;
}
