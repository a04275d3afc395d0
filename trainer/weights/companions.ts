/**
 * The files beside the weights of a written model: those of its base, byte for byte, except for members that would be
 * wrong for the new model or would load another tokenizer than the one used in training.
 */
import { architectures, type Family } from "../contract/families.ts";
import { unnested } from "../contract/model.ts";
import { codecOf } from "../data/encoding/codec.ts";
import { configuredEndIds } from "../data/encoding/endTokens.ts";
import type { FloatType } from "../formats/bfloat16.ts";
import { parseJson } from "../formats/huggingFace.ts";
import type { StoredModel } from "./storedModel.ts";
import { asTrained } from "./tokenizerClass.ts";

export interface Companion {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The companions of a model with the base's architecture and tokenizer; `dtype`: of its weights, if it differs. */
export async function* companionsOf(base: StoredModel, dtype?: FloatType): AsyncIterable<Companion> {
  const ends = await unlistedEnds(base);
  const { wrapped } = await base.config();
  for (const name of base.companions()) {
    // A language model by itself reads no pictures.
    if (wrapped && /^((image_|video_)?(pre)?processor)_config\.json$/.test(name)) continue;
    if (name !== generationFile || !ends) yield { name, content: await contentOf(base, name, dtype) };
  }
  if (!ends) return;
  const given = base.has(generationFile) ? membersOf(generationFile, await base.read(generationFile)) : {};
  yield { name: generationFile, content: fileOf({ ...given, eos_token_id: ends }) };
}

/** The types' names in config.json. */
const torchTypes = { F32: "float32", BF16: "bfloat16", F16: "float16" } as const satisfies Record<FloatType, string>;

const generationFile = "generation_config.json";

/**
 * The end tokens of the model, if its files do not list a token with which its chat template ends an answer: the
 * model learnt that token, and servers stop only at listed ones. Undefined when all are listed.
 */
async function unlistedEnds(base: StoredModel): Promise<number[] | undefined> {
  const texts = await base.codecTexts();
  const { tokenizer, templateEndIds, endIds } = await codecOf(texts);
  const listed = [tokenizer.eosId, ...configuredEndIds(texts)];
  return templateEndIds.every((id) => listed.includes(id)) ? undefined : [...endIds];
}

async function contentOf(base: StoredModel, name: string, dtype: FloatType | undefined): Promise<Uint8Array> {
  const bytes = await base.read(name);
  if (name !== "config.json" && name !== "tokenizer_config.json") return bytes;
  const given = membersOf(name, bytes);
  const changed =
    name === "config.json"
      ? modelConfig(given, (await base.config()).family, dtype)
      : asTrained(given, parseJson("tokenizer.json", await base.text("tokenizer.json")));
  return changed === given ? bytes : fileOf(changed);
}

type Members = Record<string, unknown>;
const fileOf = (members: Members) => Buffer.from(`${JSON.stringify(members, null, 2)}\n`);
const membersOf = (name: string, bytes: Uint8Array): Members => ({
  ...Object(parseJson(name, Buffer.from(bytes).toString("utf8"))),
});

/** The configuration of the written weights: their type, a class with a head, and no reference to missing code. */
function modelConfig(given: Members, family: Family, dtype: FloatType | undefined): Members {
  // Written weights are never quantised.
  const { auto_map: code, quantization_config: quantized, ...config } = unnested(given);
  const architecture = architectures[family];
  const named = Array.isArray(given.architectures) && given.architectures[0] === architecture;
  if (named && code === undefined && quantized === undefined && dtype === undefined && !("text_config" in given))
    return given;
  const field = "dtype" in config && !("torch_dtype" in config) ? "dtype" : "torch_dtype";
  const type = dtype && { [field]: torchTypes[dtype] };
  return { ...config, model_type: family, architectures: [architecture], ...type };
}
