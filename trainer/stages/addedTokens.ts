/**
 * Adds special tokens to a staged base: to its tokenizer, and rows to its embedding and head where they have fewer than the
 * tokenizer has tokens. The result is another base with a digest of its own, so every later stage has the tokens.
 *
 * A new row is the mean of the rows before it, in the order of the file and rounded once. transformers adds noise of
 * deviation 1e-5 to the same mean (`mean_resizing`); without it the same base gives the same bytes everywhere.
 */
import { invalid } from "../contract/failure.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { Tokenizer } from "../data/tokenizer/tokenizer.ts";
import { isFloatType, widened } from "../formats/bfloat16.ts";
import { type PlacedTensor, parseJson, readTensorTable } from "../formats/huggingFace.ts";
import { encodeHeader } from "../formats/safetensorsWriter.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { encodeValues } from "../weights/merge.ts";
import { StoredModel } from "../weights/storedModel.ts";
import type { StagedBase } from "./stageBase.ts";

interface Places {
  readonly stores: Stores;
  readonly objects: Objects;
  readonly log: (line: string) => void;
}

export async function withTokens(base: StagedBase, tokens: readonly string[], places: Places): Promise<StagedBase> {
  const { stores, objects, log } = places;
  const { model } = base;
  const { ids, known, files: tokenizerFiles } = await tokenizerWith(model, tokens);
  const { vocabSize } = await model.config();
  if (tokens.every((token) => known.has(token)) && [...ids.values()].every((id) => id < vocabSize)) return base;
  const rows = Math.max(vocabSize, ...[...ids.values()].map((id) => id + 1));
  const changed = new Map<string, StagedObject>();
  for (const [name, text] of tokenizerFiles) changed.set(name, await objects.putBytes(Buffer.from(text)));
  if (rows > vocabSize) {
    changed.set("config.json", await objects.putBytes(Buffer.from(await configWith(model, rows))));
    for (const [name, staged] of await weightsWith(model, { from: vocabSize, to: rows }, objects))
      changed.set(name, staged);
  }
  log(`tokens of dataset.addedTokens: ${[...ids].map(([token, id]) => `${token} is ${id}`).join(", ")}`);
  const files = base.manifest.files.map((file) => ({ path: file.path, ...(changed.get(file.path) ?? file) }));
  const manifest: BaseManifest = { ...base.manifest, files };
  const larger = StoredModel.ofManifest(stores, objects, manifest);
  await larger.tensors();
  const made = await Tokenizer.load(await larger.codecTexts());
  const lost = [...ids].find(([token, id]) => made.idOf(token) !== id);
  if (lost)
    throw invalid(
      "TokenizerInvalid",
      `dataset.addedTokens: the tokenizer gives ${lost[0]} the id ${made.idOf(lost[0])} instead of ${lost[1]}, because its ids have gaps: add the token to tokenizer.json`,
    );
  return { manifest, model: larger, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

type Members = Readonly<Record<string, unknown>>;
const textOf = (members: Members) => `${JSON.stringify(members, null, 2)}\n`;
const membersOf = async (model: StoredModel, name: string): Promise<Members> => ({
  ...Object(parseJson(name, await model.text(name))),
});

/** The ids of the tokens, and the tokenizer's files with them. */
async function tokenizerWith(model: StoredModel, tokens: readonly string[]) {
  const tokenizer = await Tokenizer.load(await model.codecTexts());
  const ids = new Map<string, number>();
  for (const token of tokens)
    ids.set(
      token,
      tokenizer.idOf(token) ?? tokenizer.size + [...ids.values()].filter((id) => id >= tokenizer.size).length,
    );
  const file = await membersOf(model, "tokenizer.json");
  const listed: readonly Members[] = Array.isArray(file.added_tokens) ? file.added_tokens : [];
  const entries = new Map(listed.map((entry) => [String(entry.content), entry]));
  // Tokens that only the configuration names keep their ids before the new ones.
  for (const content of tokenizer.addedTexts) {
    if (!entries.has(content))
      entries.set(content, entryOf(content, tokenizer.idOf(content)!, tokenizer.specialTexts.has(content)));
  }
  for (const [content, id] of ids)
    entries.set(content, { ...(entries.get(content) ?? entryOf(content, id, true)), special: true });
  const config = await membersOf(model, "tokenizer_config.json");
  const decoder = config.added_tokens_decoder;
  const written = (entry: Members) => Object.fromEntries(Object.entries(entry).filter(([name]) => name !== "id"));
  const named = [...ids].map(([content, id]) => [String(id), written(entries.get(content)!)] as const);
  const added_tokens = [...entries.values()].sort((a, b) => Number(a.id) - Number(b.id));
  const files = new Map([["tokenizer.json", textOf({ ...file, added_tokens })]]);
  if (typeof decoder === "object" && decoder !== null)
    files.set(
      "tokenizer_config.json",
      textOf({ ...config, added_tokens_decoder: { ...decoder, ...Object.fromEntries(named) } }),
    );
  return { ids, known: tokenizer.specialTexts, files };
}

const entryOf = (content: string, id: number, special: boolean): Members => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: !special, special },
});

/** config.json with another number of rows. */
async function configWith(model: StoredModel, rows: number): Promise<string> {
  const config = await membersOf(model, "config.json");
  const inner = config.text_config;
  if (config.vocab_size !== undefined || typeof inner !== "object" || inner === null)
    return textOf({ ...config, vocab_size: rows });
  return textOf({ ...config, text_config: { ...inner, vocab_size: rows } });
}

interface Growth {
  readonly from: number;
  readonly to: number;
}

const isTable = ({ name, shape }: PlacedTensor, { from }: Growth) =>
  /(^|\.)(embed_tokens|lm_head)\.weight$/.test(name) && shape[0] === from;

/** The files of the embedding and the head, written again with more rows. */
async function weightsWith(model: StoredModel, growth: Growth, objects: Objects): Promise<Map<string, StagedObject>> {
  const all = [...(await readTensorTable(model.names(), model)).values()];
  const files = new Set(all.filter((tensor) => isTable(tensor, growth)).map(({ file }) => file));
  const staged = new Map<string, StagedObject>();
  for (const file of files) {
    const tensors = all.filter((tensor) => tensor.file === file).sort((a, b) => a.start - b.start);
    staged.set(file, await objects.putStream(fileWith(model, tensors, growth)));
  }
  return staged;
}

/** Bytes read at once. */
const pieceBytes = 8 << 20;

async function* fileWith(
  model: StoredModel,
  tensors: readonly PlacedTensor[],
  growth: Growth,
): AsyncIterable<Uint8Array> {
  const facts = tensors.map((tensor) => {
    return isTable(tensor, growth) ? { ...tensor, shape: [growth.to, ...tensor.shape.slice(1)] } : tensor;
  });
  yield encodeHeader(facts, { format: "pt" });
  for (const tensor of tensors) {
    const mean = isTable(tensor, growth) ? new Mean(tensor) : undefined;
    const rowBytes = (tensor.end - tensor.start) / (tensor.shape[0] ?? 1);
    const step = Math.max(1, Math.floor(pieceBytes / rowBytes)) * rowBytes;
    for (let start = tensor.start; start < tensor.end; start += step) {
      const bytes = await model.read(tensor.file, { start, end: Math.min(tensor.end, start + step) });
      mean?.add(bytes);
      yield bytes;
    }
    for (let row = growth.from; mean && row < growth.to; row++) yield mean.row();
  }
}

/** The mean of a matrix's rows, in double precision. */
class Mean {
  readonly #dtype: "F32" | "BF16" | "F16";
  readonly #sums: Float64Array;
  #rows = 0;

  constructor({ name, dtype, shape }: PlacedTensor) {
    if (!isFloatType(dtype))
      throw invalid(
        "BaseModelUnsupported",
        `${name} is ${dtype}: dataset.addedTokens needs a base in F32, BF16 or F16`,
      );
    this.#dtype = dtype;
    this.#sums = new Float64Array(shape[1] ?? 1);
  }

  /** Whole rows. */
  add(bytes: Uint8Array): void {
    const values = widened(bytes, this.#dtype);
    const width = this.#sums.length;
    for (let index = 0; index < values.length; index++) this.#sums[index % width]! += values[index]!;
    this.#rows += values.length / width;
  }

  row(): Uint8Array {
    return encodeValues(
      Float32Array.from(this.#sums, (sum) => sum / this.#rows),
      this.#dtype,
    );
  }
}
