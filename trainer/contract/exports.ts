/** Export formats: one entry of `adapter.exports` each. */
import { z } from "zod";
import { distinct } from "./rules.ts";
import { section, setting, type ValuesOf } from "./setting.ts";

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const mergedTable = {
  base: setting(z.enum(["Original", "Dequantized"]), {
    description:
      "The weights that the adapter is added to. Original (default): the base model's own. Dequantized: the dequantised values that the adapter was trained on; needs baseModel.quantization.",
    default: "Original",
    defaultText: "",
    later: true,
  }),
  // BF16 rounding would change the dequantised weights that the adapter was trained on.
  dtype: setting(z.enum(["BF16", "F32"]), {
    description: "Data type of the written weights.",
    default: ({ base }) => (base === "Dequantized" ? "F32" : "BF16"),
    defaultText: "Default BF16, for base Dequantized F32.",
    later: true,
  }),
  maxShardBytes: setting(z.int().min(1_000_000).max(50_000_000_000), {
    description: "Maximum size of a shard in bytes.",
    default: 5_000_000_000,
    defaultText: "Default 5 GB.",
    later: true,
  }),
};
export type MergedSettings = ValuesOf<typeof mergedTable>;

const merged = section(mergedTable, {
  description: "The base model with the adapter merged in: sharded safetensors in Hugging Face layout.",
});

export const exportEntry = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(20)
      .regex(dnsLabel)
      .meta({ description: "Name of this export, and of its directory under the run." }),
    merged: merged.written,
  })
  .meta({ description: "One export format. The trainer writes it, reads it back and verifies it." });
export type ExportEntry = z.infer<typeof exportEntry>;

export const exportList = distinct(z.array(exportEntry).max(8), "name").meta({
  description: "Exports to write in addition to the adapter.",
});
