/**
 * Intrinsic SAID's adapter: `intrinsic_vector` (dimension,) and `<module>.intrinsic_scale` (1,), in the manner of PEFT's files; the
 * projection follows from `projection_seed` (docs/reference/intrinsic-adapter.md). PEFT itself has no such method and refuses the
 * configuration.
 */
import type { IntrinsicDimensionSettings } from "../../contract/methods/intrinsicDimension.ts";
import { type PeftFormat, peftPrefix } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";

/** The vector of all layers, and the scale of a layer. */
export const names = { vector: "intrinsic_vector", scale: "intrinsic_scale" } as const;

export const intrinsicDimensionPeft: PeftFormat<IntrinsicDimensionSettings> = {
  config: (settings, { modules }) => ({
    peft_type: "INTRINSIC_SAID",
    dimension: settings.dimension,
    projection_seed: settings.projectionSeed,
    projection: "fastfood",
    target_modules: targetsOf(settings.targetModules, modules),
    ...selection(settings),
  }),
  matches: ({ peft_type }) => peft_type === "INTRINSIC_SAID",
  read(members) {
    members.only("projection", ["fastfood"]);
    return {
      kind: "intrinsicDimension",
      dimension: members.whole("dimension", 1, 16_777_216),
      projectionSeed: members.whole("projection_seed", 0, 2_147_483_647),
      ...readSelection(members),
    };
  },
  fault({ key, shape }, { dimension }, has) {
    const vector = peftPrefix + names.vector;
    if (key !== vector && !key.endsWith(`.${names.scale}`))
      return `key ${key} is not of intrinsic SAID (${names.vector}, ….${names.scale})`;
    if (!has(vector)) return `${key} is present, but ${vector} is missing`;
    const length = key === vector ? dimension : 1;
    if (shape.length === 1 && shape[0] === length) return undefined;
    return `${key} has shape [${shape.join(", ")}], but must have [${length}]`;
  },
};
