/**
 * Updates that start as a part of the base's matrix (PiSSA, OLoRA). A and B are trained beside W − s·B₀A₀. The adapter is saved
 * as plain LoRA of twice the rank for the unchanged W, as PEFT converts it: s·BA − s·B₀A₀ = s·[B, −B₀]·[A; A₀]. Pure.
 */
import { lora as declaration, type LoraSettings } from "../../contract/methods/lora.ts";
import { loraRefusals } from "../../contract/methods/loraRules.ts";
import { isNf4 } from "../../graph/nf4.ts";
import type { MethodTask } from "../method.ts";
import type { NamedValues } from "../peft.ts";
import { updateOf } from "../update.ts";
import { isEva, multipleOf } from "./eva.ts";
import { startsFromBase, startsRandomly } from "./factors.ts";

/**
 * Plain LoRA of the same scale: after LoftQ for the base that was quantised for it, after PiSSA and OLoRA of twice the rank,
 * after EVA with room for the highest rank.
 */
export function savedSettings(settings: LoraSettings): LoraSettings {
  if (startsRandomly(settings)) return settings;
  const multiple = startsFromBase(settings) ? 2 : multipleOf(settings);
  const { rank, alpha, rankStabilized, rankPattern, alphaPattern } = settings;
  const factor = rankStabilized ? Math.sqrt(multiple) : multiple;
  return {
    ...settings,
    rank: multiple * rank,
    alpha: factor * alpha,
    rankPattern: times(rankPattern, multiple),
    alphaPattern: times(alphaPattern, factor),
    initialization: "Kaiming",
  };
}

const times = (pattern: Readonly<Record<string, number>>, factor: number): Record<string, number> =>
  Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, factor * value]));

/** [A; A₀] and [B, −B₀]; other parameters are as they are. */
export function besideBase(one: NamedValues): NamedValues {
  const { name, shape, values, first } = one;
  const [rows = 0, columns = 0] = shape;
  if (!first) return one;
  const both = new Float32Array(2 * values.length);
  if (name.endsWith(".lora_A.weight")) {
    both.set(values);
    both.set(first, values.length);
    return { name, shape: [2 * rows, columns], values: both };
  }
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) {
      both[2 * row * columns + k] = values[row * columns + k]!;
      both[(2 * row + 1) * columns + k] = -first[row * columns + k]!;
    }
  }
  return { name, shape: [rows, 2 * columns], values: both };
}

/** The error if these layers cannot be initialised from the base, and the fix; undefined if they can. */
export function fromBaseFault(
  settings: LoraSettings,
  { storage, tensors }: Pick<MethodTask, "storage" | "tensors">,
  layers: { readonly linear: readonly string[]; readonly embeddings: readonly string[] },
): string | undefined {
  if (startsRandomly(settings)) return undefined;
  const { initialization } = settings;
  const what = `initialization: ${initialization}`;
  if (initialization === "LoftQ" && layers.linear.some((layer) => !isNf4(storage, layer)))
    return declaration.quantizesFor?.plainRefusal;
  if (startsFromBase(settings) && layers.linear.some((layer) => isNf4(storage, layer))) return loraRefusals.nf4;
  if (layers.embeddings.length > 0) return loraRefusals.embedding;
  if (isEva(settings)) return undefined;
  const small = layers.linear.find((site) => updateOf(site, settings).rank > smallerSide(tensors, site));
  if (small === undefined) return undefined;
  return `${what}: the rank of ${small} is ${updateOf(small, settings).rank}, but its matrix has only ${smallerSide(tensors, small)} singular values: lower rank, or set rankPattern`;
}

const smallerSide = (tensors: MethodTask["tensors"], site: string): number =>
  Math.min(...(tensors.get(`${site}.weight`) ?? [0]));
