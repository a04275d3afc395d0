/**
 * A model in Hugging Face's layout: the files that belong to it, and the location of each tensor. Weights are read only
 * from safetensors, because `.bin`, `.pt` and `.pkl` can contain code.
 */
import { z } from "zod";
import { corrupt, invalid, messageOf } from "../contract/failure.ts";
import { fileFault } from "../contract/jsonFault.ts";
import { errorText } from "../contract/plainIssue.ts";
import { type Coding, dequantizeMxfp4, transposed } from "./coded.ts";
import {
  readSafetensorsHeader,
  SafetensorsError,
  type SafetensorsHeader,
  type SafetensorsType,
  type TensorEntry,
} from "./safetensors.ts";
import { indexFile } from "./shards.ts";

/** Files of the tokenizer in all forms that programs read; the trainer needs the first two. */
const tokenizerFiles = [
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "merges.txt", "tekken.json"],
  ...["chat_template.jinja", "chat_template.json"],
];

const namedTemplate = /^additional_chat_templates\/([A-Za-z0-9._-]+)\.jinja$/;

/** The name of the chat template in a file that transformers reads templates from; undefined for other files. */
export function templateName(file: string): string | undefined {
  return file === "chat_template.jinja" ? "default" : namedTemplate.exec(file)?.[1];
}

const companions = new Set(["config.json", "generation_config.json", ...tokenizerFiles]);

/** The files that a licence requires to pass on. */
const licences = [
  /^licen[cs]es?\/[A-Za-z0-9 ._-]+$/i,
  /^([A-Za-z0-9 ._-]+[ ._-])?(licen[cs]es?|notices?|copying|copyright|(acceptable[ ._-])?use[ ._-]policy|terms([ ._-]of[ ._-]use)?)([ ._-][A-Za-z0-9 ._-]*)?$/i,
];
/** A file that can contain code is not treated as a licence, whatever its name. */
const code = /\.(py|pyc|sh|js|ts|so|bin|pt|pth|pkl|safetensors|json)$/i;

/** Whether a file is one that a licence requires to pass on. */
export const isLicence = (name: string): boolean => !code.test(name) && licences.some((pattern) => pattern.test(name));

/** Whether a file beside the weights belongs to a model. */
const isCompanion = (name: string): boolean => companions.has(name) || namedTemplate.test(name) || isLicence(name);

const required = ["config.json", "tokenizer.json", "tokenizer_config.json"];

const weightIndex = z.object({
  weight_map: z.record(z.string().max(512), z.string().regex(/^[A-Za-z0-9._-]+\.safetensors$/)),
});

/** Access to the files of one model by name. */
export interface ModelFiles {
  has(name: string): boolean;
  bytes(name: string): number;
  read(name: string, range?: { start: number; end: number }): Promise<Uint8Array>;
}

/** Names of the model's files among those `present` in a directory; `index` is the text of its index. */
export function modelFileNames(present: readonly string[], index: string | undefined): string[] {
  const absent = required.find((name) => !present.includes(name));
  if (absent && present.includes("adapter_config.json")) {
    throw invalid(
      "BaseModelUnsupported",
      "the base model is a PEFT adapter (adapter_config.json): merge it in PEFT (merge_and_unload), save the merged model " +
        "with its tokenizer, and name that",
    );
  }
  if (absent) {
    throw invalid(
      "BaseModelIncomplete",
      `the base model has no ${absent}; it needs ${required.join(", ")} and safetensors${packed(present)}`,
    );
  }
  const weights = index === undefined ? ["model.safetensors"] : [...new Set(Object.values(readIndex(index)))].sort();
  const lost = weights.find((name) => !present.includes(name));
  if (lost) throw invalid("BaseModelIncomplete", `the base model has no ${lost}; add it: weights must be safetensors`);
  const names = [...present.filter(isCompanion), ...weights];
  return index === undefined ? names : [...names, indexFile];
}

function packed(present: readonly string[]): string {
  const archive = present.find((name) => /\.(zip|tar|gz|tgz|bz2|xz|zst|7z|rar)$/i.test(name));
  return archive === undefined ? "" : `; unpack the archive first (${archive})`;
}

function readIndex(text: string): Record<string, string> {
  const parsed = weightIndex.safeParse(parseJson(indexFile, text));
  if (!parsed.success) throw invalid("BaseModelInvalid", `${indexFile}: ${errorText(parsed.error)}`);
  return parsed.data.weight_map;
}

/** Parses a file of the base model; an error names the file. */
export function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("BaseModelInvalid", `${name}: ${fileFault(text)}`);
  }
}

export interface PlacedTensor extends TensorEntry {
  file: string;
  /** Bytes of the tensor that follow those of the file. */
  suffix?: Uint8Array;
  /** Present if the bytes in the file are not the numbers of `shape` in `dtype`, row by row. */
  coding?: Coding;
}

/** A tensor's bytes: its numbers, row by row. Throws a failure for coded numbers that are not finite. */
export async function contentOf(files: Pick<ModelFiles, "read">, tensor: PlacedTensor): Promise<Uint8Array> {
  const bytes = await files.read(tensor.file, tensor);
  const { coding, shape } = tensor;
  const [rows = 0, columns = 0] = shape;
  if (coding?.kind === "transposed") return transposed(bytes, columns, rows);
  if (coding?.kind === "mxfp4") {
    const scales = await files.read(coding.scales.file, coding.scales);
    try {
      return dequantizeMxfp4(bytes, scales);
    } catch (error) {
      throw corrupt("BaseModelCorrupt", `${tensor.name} of the base model is damaged: ${messageOf(error)}`);
    }
  }
  return tensor.suffix === undefined ? bytes : Buffer.concat([bytes, tensor.suffix]);
}

/** Every tensor of the model by name. Throws a failure that names the file and the fault. */
export async function readTensorTable(
  names: readonly string[],
  files: ModelFiles,
): Promise<ReadonlyMap<string, PlacedTensor>> {
  const table = new Map<string, PlacedTensor>();
  for (const file of names.filter((name) => name.endsWith(".safetensors"))) {
    const header = await headerOf(file, files);
    for (const tensor of header.tensors.values()) {
      if (table.has(tensor.name)) throw corrupt("BaseModelCorrupt", `${tensor.name} is in two files of the base model`);
      table.set(tensor.name, { ...tensor, file });
    }
  }
  return table;
}

async function headerOf(file: string, files: ModelFiles): Promise<SafetensorsHeader> {
  try {
    return await readSafetensorsHeader(files.bytes(file), (start, end) => files.read(file, { start, end }));
  } catch (error) {
    if (error instanceof SafetensorsError) throw corrupt("BaseModelCorrupt", `${file}: ${error.message}`);
    throw error;
  }
}

/** The data types of weights. F16 and mixtures are computed with as F32, which holds them exactly. */
const weightTypes: readonly SafetensorsType[] = ["F32", "BF16", "F16"];

/** The narrower of BF16 and F32 that holds every tensor exactly. Throws for tensors of other types. */
export function storedType(table: ReadonlyMap<string, PlacedTensor>): "F32" | "BF16" {
  const tensors = [...table.values()];
  const strange = tensors.find(({ dtype }) => !weightTypes.includes(dtype));
  if (strange) {
    throw invalid(
      "BaseModelUnsupported",
      `the base model's tensor ${strange.name} is ${strange.dtype}; convert it to BF16, F16 or F32`,
    );
  }
  return tensors.every(({ dtype }) => dtype === "BF16") ? "BF16" : "F32";
}
