/**
 * Export formats. An entry of `adapter.exports` has a name and the settings of one format, as the member that the format
 * is named by.
 */
import { z } from "zod";
import { ociUri, registryAccess } from "./locations.ts";
import { distinct, exactlyOne, ruled } from "./rules.ts";
import { section, setting, type ValuesOf, writtenShape } from "./setting.ts";

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The types that tensors are written in. */
export const floatTypes = ["BF16", "F16", "F32"] as const;

const base = setting(z.enum(["Original", "Dequantized"]), {
  description:
    "The weights that the adapter is added to. Original (default): the base model's own. Dequantized: the dequantised values that the adapter was trained on; needs baseModel.quantization.",
  default: "Original",
  defaultText: "",
  later: true,
});

export const mergedTable = {
  base,
  // BF16 rounding would change the dequantised weights that the adapter was trained on.
  dtype: setting(z.enum(floatTypes), {
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

/** The types of llama.cpp that matrices are written in. */
export const quantizations = ["F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"] as const;
export type Quantization = (typeof quantizations)[number];

export const ggufTable = {
  base,
  quantization: setting(z.enum(quantizations), {
    description:
      "Type of the written matrices. F16 (default) and BF16: 16 bits. Q8_0: 8.5 bits, Q6_K: 6.6 bits, Q5_K_M: 5.5 to 6.6 bits, Q4_K_M: 4.5 to 6.6 bits: groups of numbers share a scale. Vectors stay in F32.",
    default: "F16",
    defaultText: "",
  }),
};
export type GgufSettings = ValuesOf<typeof ggufTable>;

export const adapterTable = {
  dtype: setting(z.enum(floatTypes), {
    description: "Data type of the written tensors. F32 (default) is the type of the training.",
    default: "F32",
    defaultText: "",
  }),
  padRanks: setting(z.boolean(), {
    description:
      "method.lora only: fill A and B up with zeros to one rank for all layers that vLLM accepts as max_lora_rank (1, 8, 16, 32, 64, 128, 256, 320 or 512), and give all layers one scale, because vLLM ignores patterns of ranks. The adapter computes the same.",
    default: false,
  }),
  baseModel: setting(
    z
      .string()
      .min(3)
      .max(193)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/, "must be ORGANISATION/MODEL"),
    {
      description:
        "Repository of the base model on the hub, for base_model_name_or_path: ORGANISATION/MODEL. Default: that of an hf:// base with its commit, else the one that config.json records, else none.",
    },
  ),
};

/** The reason why only LoRA's ranks are padded. */
export const paddingRefusal =
  "adapter.padRanks is for vLLM, which loads only adapters of method.lora without bias, modulesToSave, trainableTokens and targetParameters: remove padRanks, or those settings";
export type AdapterSettings = ValuesOf<typeof adapterTable>;

export const ggufAdapterTable = {
  dtype: setting(z.enum(floatTypes), {
    description: "Data type of the written matrices. F32 (default) is the type of the training.",
    default: "F32",
    defaultText: "",
  }),
};
export type GgufAdapterSettings = ValuesOf<typeof ggufAdapterTable>;

/** The reason why only LoRA's products become an adapter of llama.cpp. */
export const ggufAdapterRefusal =
  "ggufAdapter is for llama.cpp, which applies only adapters of method.lora on linear layers, without bias, modulesToSave, trainableTokens, targetParameters and embed_tokens: remove this export (gguf holds them merged), or those settings";

/** The forms of an artifact at a registry. */
export const profiles = ["Image", "ModelPack"] as const;

export const registryTable = {
  profile: setting(z.enum(profiles), {
    description:
      "Form of the artifact. Image (default): a container image with the files under /models, which Kubernetes mounts as an image volume. ModelPack: an artifact of CNCF's model specification, one layer a file.",
    default: "Image",
    defaultText: "",
  }),
};
export type Profile = ValuesOf<typeof registryTable>["profile"];

/** The tag of a revision: the same export of the same training always has the same tag. */
export const revisionTag = ({ name }: { name: string }, runHash: string) => `${name}-${runHash.slice(0, 12)}`;

/** The tag that names the promoted revision. */
export const promotedTag = ({ name }: { name: string }) => `${name}-promoted`;

/** A copy of a finished export; it is no part of its content. */
const oci = z.strictObject({ uri: ociUri, ...writtenShape(registryTable), ...registryAccess }).meta({
  description:
    "Repository of an OCI registry that the verified files are pushed to, under a tag for each revision; the tag NAME-promoted then names the promoted one.",
});

/** In the order in which the formats are listed to a user. */
export const exportKinds = ["merged", "gguf", "adapter", "ggufAdapter"] as const;
export type ExportKind = (typeof exportKinds)[number];

/** The formats that add the adapter to the weights of the base. */
export const mergingKinds = ["merged", "gguf"] as const satisfies readonly ExportKind[];

/** The settings of one export with their defaults; `kind` is its format. */
export type ExportSettings =
  | ({ readonly kind: "merged" } & MergedSettings)
  | ({ readonly kind: "gguf" } & GgufSettings)
  | ({ readonly kind: "adapter" } & AdapterSettings)
  | ({ readonly kind: "ggufAdapter" } & GgufAdapterSettings);

const merged = section(mergedTable, {
  description: "The base model with the adapter merged in: sharded safetensors in Hugging Face layout.",
});
const gguf = section(ggufTable, {
  description: "The base model with the adapter merged in, as one GGUF file: for llama.cpp, Ollama and others.",
});
const adapter = section(adapterTable, {
  description: "The adapter by itself, in PEFT's layout: for PEFT, vLLM and other programs that apply it to the base.",
});

const ggufAdapter = section(ggufAdapterTable, {
  description:
    "The adapter by itself as a GGUF file, which llama.cpp applies to a GGUF file of the base (llama-cli --lora). For method.lora.",
});

export const exportEntry = ruled(
  z.strictObject({
    name: z
      .string()
      .min(1)
      .max(20)
      .regex(dnsLabel)
      .meta({ description: "Name of this export, and of its directory under the run." }),
    merged: merged.written.optional(),
    gguf: gguf.written.optional(),
    adapter: adapter.written.optional(),
    ggufAdapter: ggufAdapter.written.optional(),
    oci: oci.optional(),
  }),
  exactlyOne("export format", exportKinds),
).meta({
  description: "One export: a name and one format. The trainer writes it, reads it back and verifies it.",
});
export type ExportEntry = z.infer<typeof exportEntry>;

/** The reason of a failure when no GGUF file can hold a model. */
export const ggufRefusalReason = "GgufImpossible";

/** Characters of such a failure's message that prepare reports. */
export const longestGgufRefusal = 320;

/** The first export that no training on this base model can have, as prepare found; undefined if all are possible. */
export function impossibleExport(
  entries: readonly ExportEntry[],
  { ggufRefusal }: { readonly ggufRefusal?: string | undefined },
): string | undefined {
  const entry = entries.find(({ gguf }) => gguf !== undefined);
  if (entry === undefined || ggufRefusal === undefined) return undefined;
  return `adapter.exports, ${entry.name}: ${ggufRefusal}; or remove this export`;
}

/** The format of an entry. */
export function exportKindOf(entry: ExportEntry): ExportKind {
  const kind = exportKinds.find((one) => entry[one] !== undefined);
  if (kind === undefined) throw new Error(`export ${entry.name} has no format`);
  return kind;
}

export const exportList = distinct(z.array(exportEntry).max(8), "name").meta({
  description: "Exports to write in addition to the adapter.",
});
