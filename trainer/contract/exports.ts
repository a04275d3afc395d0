/** The forms in which a result is written: one entry of `adapter.exports` each. */
import { z } from "zod";
import { distinct } from "./rules.ts";
import { section, setting, type ValuesOf } from "./setting.ts";

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const mergedTable = {
  base: setting(z.enum(["Original", "Dequantized"]), {
    description:
      "The weights that the adapter is added to. Original (default): the base model's own. Dequantized: the values that its quantised weights stand for, as the adapter was trained on them; needs baseModel.quantization.",
    default: "Original",
    says: "",
    later: true,
  }),
  // Rounded to BF16, dequantised weights would no longer be those that the adapter was trained on.
  dtype: setting(z.enum(["BF16", "F32"]), {
    description: "Type of the written weights.",
    default: ({ base }) => (base === "Dequantized" ? "F32" : "BF16"),
    says: "Default BF16, for base Dequantized F32.",
    later: true,
  }),
  maxShardBytes: setting(z.int().min(1_000_000).max(50_000_000_000), {
    description: "Largest shard.",
    default: 5_000_000_000,
    says: "Default 5 GB.",
    later: true,
  }),
};
export type MergedSettings = ValuesOf<typeof mergedTable>;

const merged = section(mergedTable, {
  description: "Base and adapter in one model: sharded safetensors in Hugging Face layout.",
});

export const exportEntry = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(20)
      .regex(dnsLabel)
      .meta({ description: "Name of this export; its directory under the run." }),
    merged: merged.written,
  })
  .meta({ description: "One form in which the result is written, read back and verified." });
export type ExportEntry = z.infer<typeof exportEntry>;

export const exportList = distinct(z.array(exportEntry).max(8), "name").meta({
  description: "What to write beside the adapter itself.",
});
