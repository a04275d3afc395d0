/**
 * LoRA on the experts of a mixture: PEFT's `target_parameters`. A parameter holds the matrices of all experts of a layer; each
 * expert has a product B·A of its own. Ours: A [experts, r, in] and B [experts, out, r].
 *
 * PEFT wraps the module of the experts once for each parameter, the first in the module's order innermost: the tensors of the last
 * are `<module>.experts.lora_A.weight` [experts·r, in] and `lora_B.weight` [out, r·experts], the expert's number last; those of the
 * first, where both are adapted, are in `<module>.experts.base_layer`. Pure.
 */
import type { LoraSettings } from "../../contract/methods/lora.ts";
import { loraRefusals } from "../../contract/methods/loraRules.ts";
import type { ExpertSite, Trained } from "../../graph/site.ts";
import type { Initial } from "../../graph/tensor.ts";
import type { MethodTask, TrainedSite } from "../method.ts";
import type { NamedValues, StoredShape } from "../peft.ts";
import { isInModules } from "../savedModules.ts";
import { adaptedParameters, isNamed } from "../targets.ts";
import { type RankAndScale, updateOf } from "../update.ts";

export type ExpertSettings = RankAndScale & Pick<LoraSettings, "targetParameters">;

/** True for the name of a parameter of experts. */
export const isExpertParameter = (name: string): boolean => /\.experts\.(gate_up_proj|down_proj)$/.test(name);

/** A and B of all experts. */
export function expertFactors(site: ExpertSite, settings: LoraSettings): { a: Trained; b: Trained } {
  const { rank, scale } = updateOf(site.name, settings);
  const learningRateScale = settings.learningRateRatio;
  const start: Initial =
    settings.initialization === "Gaussian"
      ? { kind: "normal", deviation: 1 / rank }
      : { kind: "kaimingUniform", a: Math.sqrt(5), fanIn: site.in };
  const a = site.trainable("lora_A.weight", [site.experts, rank, site.in], start);
  const b = site.trainable(
    "lora_B.weight",
    [site.experts, site.out, rank],
    { kind: "zeros" },
    { scale, learningRateScale },
  );
  return { a, b };
}

/** The error if this model has no such parameters, or they cannot be adapted so, and the fix; undefined if they can. */
export function expertFault(settings: LoraSettings, { expertParameters }: MethodTask): string | undefined {
  const { targetParameters, dropout, initialization, modulesToSave } = settings;
  if (targetParameters.length === 0) return undefined;
  if (expertParameters.length === 0)
    return "targetParameters adapts the experts of a mixture, and this model has none: remove it; targetModules names linear layers";
  const unknown = targetParameters.find((target) => !expertParameters.some((name) => isNamed(name, target)));
  if (unknown !== undefined) {
    const known = [...new Set(expertParameters.map((name) => name.replace(/^.*\.(experts\.)/, "$1")))].join(" and ");
    return `targetParameters: ${JSON.stringify(unknown)} is not a parameter of this model's experts; they have ${known}`;
  }
  if (dropout > 0) return loraRefusals.dropout;
  if (initialization !== "Kaiming" && initialization !== "Gaussian") return loraRefusals.experts;
  const saved = modulesToSave.find((name) => expertParameters.some((one) => isInModules(one, [name])));
  if (saved !== undefined)
    return `targetParameters adapts experts that modulesToSave (${JSON.stringify(saved)}) trains whole: remove one of the two`;
  return undefined;
}

/** A [r, in] and B [out, r] of one expert's matrix. */
export function factorsOfPart(site: TrainedSite, rank: number): { a: Float32Array; b: Float32Array } {
  const { part, in: width, out } = site;
  const [a, b] = [site.parameter("lora_A.weight"), site.parameter("lora_B.weight")];
  if (!part) return { a, b };
  const experts = a.length / (rank * width);
  const own = b.length / experts;
  const first = part.expert * own + part.index * out * rank;
  return {
    a: a.subarray(part.expert * rank * width, (part.expert + 1) * rank * width),
    b: b.subarray(first, first + out * rank),
  };
}

const ours = /^(.+\.experts)\.(gate_up_proj|down_proj)\.lora_([AB])\.weight$/;
const theirs = /^(.+\.experts)((?:\.base_layer)*)\.lora_([AB])\.weight$/;

/** True for a key of PEFT's file, with or without its prefix. */
export const isExpertKey = (key: string): boolean => theirs.test(key);

/** The parameter that a key of PEFT's file belongs to; undefined if PEFT has no such wrapper. */
function parameterOf(key: string, settings: ExpertSettings) {
  const [, module = "", wrappers = "", side = ""] = theirs.exec(key) ?? [];
  const name = adaptedParameters(module, settings).at(-1 - wrappers.length / ".base_layer".length);
  return name === undefined ? undefined : { name: `${module}.${name}`, side };
}

/** The error for a tensor that is not A or B of experts of this rank, or whose partner is missing. */
export function expertKeyFault({ key, shape }: StoredShape, settings: ExpertSettings, has: (key: string) => boolean) {
  const own = parameterOf(key, settings);
  if (!own) return `${key} belongs to no parameter that target_parameters names`;
  const { rank } = updateOf(own.name, settings);
  const size = shape[own.side === "A" ? 0 : 1] ?? 0;
  if (shape.length !== 2 || size === 0 || size % rank !== 0)
    return `${key} has shape [${shape.join(", ")}], which does not fit r = ${rank} of each expert`;
  const other = key.replace(/\.lora_[AB]\./, own.side === "A" ? ".lora_B." : ".lora_A.");
  return has(other) ? undefined : `${key} is present, but ${other} is missing`;
}

/** Our tensor as PEFT's, both without its prefix; other tensors are as they are. */
export function expertToPeft(one: NamedValues, settings: ExpertSettings): NamedValues {
  const [, module = "", name = "", side] = ours.exec(one.name) ?? [];
  if (side === undefined) return one;
  const around = adaptedParameters(module, settings);
  const depth = around.length - 1 - around.indexOf(name);
  const renamed = `${module}${".base_layer".repeat(depth)}.lora_${side}.weight`;
  const [experts = 0, rows = 0, columns = 0] = one.shape;
  if (side === "A") return { ...one, name: renamed, shape: [experts * rows, columns] };
  const values = permuted(one.values, [experts, rows * columns]);
  return { ...one, name: renamed, shape: [rows, columns * experts], values };
}

/** The reverse of `expertToPeft`. */
export function expertFromPeft(one: NamedValues, settings: ExpertSettings): NamedValues {
  const own = parameterOf(one.name, settings);
  if (!own) return one;
  const { rank } = updateOf(own.name, settings);
  const [rows = 0, columns = 0] = one.shape;
  const name = `${own.name}.lora_${own.side}.weight`;
  if (own.side === "A") return { ...one, name, shape: [rows / rank, rank, columns] };
  const experts = columns / rank;
  return { ...one, name, shape: [experts, rows, rank], values: permuted(one.values, [rows * rank, experts]) };
}

/** The transpose of values [rows, columns]. */
function permuted(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const made = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) made[column * rows + row] = values[row * columns + column]!;
  return made;
}
