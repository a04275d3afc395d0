/** Settings that LoRA and its relatives share: the rank of the update and its scale. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { byModule } from "./targets.ts";

export const rank = setting(z.int().min(1).max(512), {
  description: "r, the inner dimension of the update.",
  default: 16,
  value: z.int(),
});

export const alpha = setting(z.int().min(1).max(4096), {
  description: "The update is scaled by alpha/rank.",
  default: ({ rank: r }) => 2 * Number(r),
  defaultText: "Default 2·rank.",
  value: z.number(),
});

export const rankStabilized = setting(z.boolean(), {
  description: "rsLoRA: scale by alpha/√rank instead of alpha/rank.",
  default: false,
});

export const rankPattern = byModule(512, "Other ranks than `rank`.");

export const alphaPattern = byModule(4096, "Other scales than `alpha`.");

const starts =
  "How A and B start. Kaiming: A uniform, B zero; Gaussian: A normal with deviation 1/rank, B zero; Orthogonal: both random, with B·A = 0 (even ranks).";

export const initialization = setting(z.enum(["Kaiming", "Gaussian", "Orthogonal"]), {
  description: starts,
  default: "Kaiming",
  later: true,
});

export const initializationFromBase = setting(
  z.enum(["Kaiming", "Gaussian", "Orthogonal", "PiSSA", "OLoRA", "LoftQ", "EVA"]),
  {
    description: `${starts} PiSSA: the largest singular values of the matrix; OLoRA: the first part of its QR decomposition; both are subtracted from the matrix, so the model starts unchanged; not possible on a base in NF4. LoftQ: what quantising to NF4 takes from the matrix; needs baseModel.quantization. EVA: A as the directions in which the layer's inputs vary most, and ranks that move to the layers that need them.`,
    default: "Kaiming",
    later: true,
  },
);
