/** A and B of one layer and their initial values, which LoRA and DoRA share. Pure. */
import type { LinearSite, Trained } from "../../graph/site.ts";
import type { Decomposition, Initial } from "../../graph/tensor.ts";
import { type Update, updateOf } from "../update.ts";

/** A and B of a layer. */
export function factorsOf(site: LinearSite, settings: Update, learningRateScale = 1): { a: Trained; b: Trained } {
  const { rank, scale } = updateOf(site.name, settings);
  const start = startOf(site, { rank, scale }, settings);
  const a = site.trainable("lora_A.weight", [rank, site.in], start.a);
  const b = site.trainable("lora_B.weight", [site.out, rank], start.b, { scale, learningRateScale });
  if (startsFromBase(settings)) site.subtractProduct(a, b, scale);
  return { a, b };
}

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
    case "Kaiming":
      return { a: { kind: "kaimingUniform", a: Math.sqrt(5) }, b: { kind: "zeros" } };
    case "Gaussian":
      return { a: { kind: "normal", deviation: 1 / rank }, b: { kind: "zeros" } };
    case "Orthogonal":
      return { a: { kind: "orthogonal", pair: name, part: "a" }, b: { kind: "orthogonal", pair: name, part: "b" } };
  }
}
