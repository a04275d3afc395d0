/** A and B of one layer and their initial values, which LoRA and DoRA share. Pure. */
import type { LoraSettings } from "../../contract/methods/lora.ts";
import type { LinearSite, Trained } from "../../graph/site.ts";
import type { Decomposition, Initial } from "../../graph/tensor.ts";
import type { QuantizedStart } from "../method.ts";
import { isAdapted } from "../savedModules.ts";
import { type Update, updateOf } from "../update.ts";
import { multipleOf } from "./eva.ts";

/** A and B of a layer. */
export function factorsOf(site: LinearSite, settings: Update, learningRateScale = 1): { a: Trained; b: Trained } {
  const { rank: own, scale } = updateOf(site.name, settings);
  const rank = own * multipleOf(settings);
  const start = startOf(site, { rank, scale }, settings);
  const a = site.trainable("lora_A.weight", [rank, site.in], start.a);
  const b = site.trainable("lora_B.weight", [site.out, rank], start.b, { scale, learningRateScale });
  if (startsFromBase(settings)) site.subtractProduct(a, b, scale);
  return { a, b };
}

/** The update that prepare fits a layer's quantised matrix to. */
export function quantizedStart(site: string, settings: LoraSettings): QuantizedStart | undefined {
  if (settings.initialization !== "LoftQ" || !isAdapted(site, settings)) return undefined;
  const [a, b] = [`${site}.lora_A.weight`, `${site}.lora_B.weight`];
  return { ...updateOf(site, settings), iterations: settings.loftqIterations ?? 1, a, b };
}

/** Whether A and B start as random numbers or zeros, whatever the base and the data. */
export const startsRandomly = ({ initialization }: Pick<Update, "initialization">): boolean =>
  initialization === "Kaiming" || initialization === "Gaussian" || initialization === "Orthogonal";

/** Whether the update starts as a part of the base's matrix, which is subtracted from it. */
export const startsFromBase = ({ initialization }: Pick<Update, "initialization">): boolean =>
  initialization === "PiSSA" || initialization === "OLoRA";

function startOf(
  { name, in: width, out }: LinearSite,
  { rank, scale }: { rank: number; scale: number },
  { initialization }: Update,
): { a: Initial; b: Initial } {
  const part = (of: Decomposition) => {
    const initial = { kind: "part", of, weight: `${name}.weight`, shape: [out, width], scale } as const;
    return { a: { ...initial, side: "a" }, b: { ...initial, side: "b" } } as const;
  };
  switch (initialization) {
    case "PiSSA":
      return part("principal");
    case "OLoRA":
      return part("qr");
    case "EVA":
      // A is set before the first step.
      return { a: { kind: "zeros" }, b: { kind: "zeros" } };
    case "LoftQ":
      return { a: { kind: "stored" }, b: { kind: "stored" } };
    case "Kaiming":
      return { a: { kind: "kaimingUniform", a: Math.sqrt(5) }, b: { kind: "zeros" } };
    case "Gaussian":
      return { a: { kind: "normal", deviation: 1 / rank }, b: { kind: "zeros" } };
    case "Orthogonal":
      return { a: { kind: "orthogonal", pair: name, part: "a" }, b: { kind: "orthogonal", pair: name, part: "b" } };
  }
}
