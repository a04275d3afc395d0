/** Formats a training's plan for people. Pure. */

import { formatBytes, formatCount, formatMilliseconds, formatShare } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import { counted } from "../../trainer/contract/counted.ts";
import { type EndToken, endTokensText } from "../../trainer/data/encoding/endTokens.ts";
import type { Gpu } from "../../trainer/planning/gpus.ts";
import type { Plan, PlanInput, RecomputeChoice } from "../../trainer/planning/plan.ts";
import { efficiency, type StepTime } from "../../trainer/planning/roofline.ts";

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
  scratch: "scratch memory of kernels, on all threads",
  data: "packed data sets",
  process: "the process itself",
};

/** The same on a GPU, where they differ. */
const gpuMemoryTexts: Partial<typeof memoryTexts> = {
  weights: "base model",
  scratch: "workspace of kernels",
  process: "context with the kernels (assumed)",
};

interface Planned extends Pick<PlanInput, "availableBytes" | "target"> {
  readonly endTokens: readonly EndToken[];
}

/** `frontier` is given for the full explanation. */
export function planLines(
  plan: Plan,
  { availableBytes, target, endTokens }: Planned,
  frontier?: readonly RecomputeChoice[],
): string[] {
  const { trainableParameters, totalParameters, predictedPeakBytes, sites } = plan;
  const isAdapted = (site: Plan["sites"][number]) => site.trained.length > 0;
  const adapted = [sites, plan.expertParameters, plan.embeddings].map((list) => list.filter(isAdapted));
  return [
    ...table([
      [
        "parameters",
        `${formatCount(trainableParameters)} trained of ${formatCount(totalParameters)} (${formatShare(trainableParameters / totalParameters)})`,
      ],
      ["base", storageText(plan.spec.storage)],
      ["steps", `${plan.steps}, ${formatCount(plan.flopsPerStep)}FLOP each`],
      ...(plan.stepTime ? [["expected", speedText(plan.stepTime)]] : []),
      ["micro-batch", `${plan.microRows} rows of ${plan.spec.rowTokens} tokens`],
      ["recomputed", `${plan.recomputedBlocks} of ${plan.spec.model.layers} blocks in the backward pass`],
      ...(adapted.flat().length === 0 ? [] : [["adapted", adaptedText(adapted)]]),
      ["end tokens", endTokensText(endTokens)],
    ]),
    "",
    ...(target.device === "cuda" ? [gpuText(target.gpu), ""] : []),
    target.device === "cuda" ? "memory of the GPU" : `memory, with ${target.threads} threads`,
    ...indented(table(memoryRows(plan, target.device, frontier !== undefined), [1, 2])),
    "",
    ...(plan.stepTime ? [...timeLines(plan.stepTime), ""] : []),
    ...(frontier ? [...frontierLines(plan, frontier), "", ...siteLines(plan), ""] : []),
    ...plan.notes.map((note) => `note: ${note}`),
    fitText(plan, predictedPeakBytes, availableBytes),
  ];
}

/** The GPU's peaks and their source. */
const gpuText = ({ title, multiprocessors, flops, bandwidth, source }: Gpu): string =>
  `${title}: ${multiprocessors} multiprocessors, ${formatCount(flops.bf16)}FLOP/s in BF16, ` +
  `${formatCount(flops.f32)}FLOP/s in F32, ${formatCount(bandwidth)}B/s (${source})`;

const speedText = ({ seconds, tokensPerSecond }: StepTime): string =>
  `${formatCount(tokensPerSecond)} tokens/s, ${formatMilliseconds(seconds)} a step: computed from the GPU's peaks, not measured`;

const shownOps = 8;

/** The ops that take the most of a step. */
function timeLines({ shares }: StepTime): string[] {
  const rest = shares.slice(shownOps).reduce((sum, { share }) => sum + share, 0);
  const rows = shares.slice(0, shownOps).map(({ op, share }) => [op, formatShare(share)]);
  const { arithmetic, bandwidth } = efficiency;
  return [
    `time of a step, computed: the longer of arithmetic at ${formatShare(arithmetic)} and memory traffic at ${formatShare(bandwidth)} of the peak`,
    ...indented(table(rest > 0 ? [...rows, ["others", formatShare(rest)]] : rows, [1])),
  ];
}

/** Describes the storage of a base during training. */
export function storageText({ dense, linear, doubleQuantization, unquantized = [] }: Plan["spec"]["storage"]): string {
  if (linear === dense) return `in ${dense}`;
  const twice = doubleQuantization ? ", double quantisation" : "";
  return `linear layers in ${linear}${twice}; ${[...unquantized, "embeddings"].join(", ")} and norms in ${dense}`;
}

function adaptedText([sites = [], experts = [], embeddings = []]: readonly Plan["sites"][]): string {
  const named = [
    ...(experts.length === 0 ? [] : [`${counted(experts.length, "parameter")} of experts`]),
    ...embeddings.map(({ name }) => name),
  ];
  if (sites.length === 0) return named.join(", ");
  const unfused = sites.filter(({ fused }) => !fused);
  const apart = unfused.length === 0 ? "all fused" : `not fused: ${unfused.map(({ name }) => name).join(", ")}`;
  return [`${sites.length} linear layers, ${apart}`, ...named].join("; ");
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`);

/** Savings and costs of recomputing, with the planned choice marked. */
function frontierLines(plan: Plan, frontier: readonly RecomputeChoice[]): string[] {
  const { predictedPeakBytes, flopsPerStep, recomputedBlocks, spec } = plan;
  const planned = { recomputedBlocks, predictedPeakBytes, flopsPerStep };
  const others = frontier.filter((choice) => choice.recomputedBlocks !== recomputedBlocks);
  const rows = [...others, planned]
    .toSorted((a, b) => a.recomputedBlocks - b.recomputedBlocks)
    .map((choice) => [
      `${choice.recomputedBlocks} of ${spec.model.layers} blocks`,
      formatBytes(choice.predictedPeakBytes),
      `${formatCount(choice.flopsPerStep)}FLOP a step`,
      choice === planned ? "planned" : "",
    ]);
  return ["recomputed in the backward pass", ...indented(table(rows, [0, 1, 2]))];
}

/** Each linear layer: its matrix, its trained parameters, and whether they are fused into the same operation. */
function siteLines({ sites, expertParameters, spec }: Plan): string[] {
  const rowsOf = (list: Plan["sites"], before: string) =>
    list.map(({ name, out, in: width, trained, fused }) => [
      name,
      `${before}${out} × ${width}`,
      spec.storage.linear,
      trained.length === 0 ? "" : `${trained.join(", ")} ${fused ? "(fused)" : "(not fused)"}`,
    ]);
  const rows = [...rowsOf(sites, ""), ...rowsOf(expertParameters, `${spec.model.experts?.count} × `)];
  return [expertParameters.length > 0 ? "linear layers and experts" : "linear layers", ...indented(table(rows, [1]))];
}

function memoryRows(
  { memory, predictedPeakBytes }: Plan,
  device: PlanInput["target"]["device"],
  toTheByte: boolean,
): string[][] {
  const texts = device === "cuda" ? { ...memoryTexts, ...gpuMemoryTexts } : memoryTexts;
  const rows = [
    [texts.weights, memory.weights],
    [texts.parameters, memory.parameters],
    [texts.derived, memory.derived],
    [texts.gradients, memory.gradients],
    [texts.moments, memory.moments],
    [texts.best, memory.best],
    [texts.activations, memory.activations],
    [texts.cache, memory.cache],
    [texts.io, memory.io],
    [texts.scratch, memory.scratch],
    [texts.data, memory.data],
    [texts.process, memory.process],
    ["together", predictedPeakBytes],
  ] as const;
  const exact = (bytes: number) => (toTheByte ? [bytes.toLocaleString("en-US")] : []);
  return rows.filter(([, bytes]) => bytes > 0).map(([text, bytes]) => [text, formatBytes(bytes), ...exact(bytes)]);
}

function fitText({ fits, nearestFit }: Plan, peak: number, available: number): string {
  if (fits) return `fits: ${formatBytes(peak)} of ${formatBytes(available)}`;
  const way =
    nearestFit === undefined
      ? "no nearby setting fits"
      : `the nearest that fits: ${nearestFit.change} (${formatBytes(nearestFit.predictedPeakBytes)})`;
  return `does not fit: ${formatBytes(peak)} of ${formatBytes(available)}; ${way}`;
}
