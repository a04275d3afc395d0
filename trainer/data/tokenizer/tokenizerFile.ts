/**
 * What tokenizer.json may ask for. @huggingface/tokenizers takes more than it does as the tokenizers library does it: it
 * ignores settings (dropout, single_word), approximates normalisers and knows some splits for ASCII alone. Such a file is
 * refused here by the name of its field, before anything is encoded; what is accepted is encoded as the tokenizers library
 * does it (test/golden/chat.test.ts), with the stages of tokenizerStages.ts. Pure.
 */
import { z } from "zod";
import { invalid } from "../../contract/failure.ts";

const type = z.looseObject({ type: z.string() });
/** What is not there is none, as null is. */
const stage = type.nullish().transform((given) => given ?? null);
const token = z.looseObject({
  id: z.int().min(0),
  content: z.string(),
  single_word: z.boolean().nullish(),
  normalized: z.boolean().nullish(),
  special: z.boolean().nullish(),
});
/** These have hundreds of thousands of entries, which are looked at one by one below. */
const vocab = z.custom<Readonly<Record<string, number>>>((given) => isObject(given), "must be an object");
const merges = z.custom<readonly (string | readonly string[])[]>((given) => Array.isArray(given), "must be a list");
/** Files of the first years do not name the type of their model. */
const model = z.looseObject({
  type: z.string().optional(),
  vocab,
  merges,
  dropout: z.number().nullish(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  continuing_subword_suffix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  byte_fallback: z.boolean().nullish(),
  fuse_unk: z.boolean().nullish(),
});

const tokenizerFile = z.looseObject({
  added_tokens: z.array(token).default([]),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: stage,
  decoder: stage,
  model,
});

export type TokenizerFile = z.infer<typeof tokenizerFile>;
export type Stage = z.infer<typeof type>;
type Model = TokenizerFile["model"];

/** Reads tokenizer.json. Throws a failure that names the field. */
export function readTokenizerFile(json: unknown): TokenizerFile {
  const kind = type.safeParse(Object(Object(json).model)).data?.type;
  if (kind !== undefined && kind !== "BPE")
    throw unsupported("model.type", `${kind}; byte-pair encoding (BPE) is supported`);
  const parsed = tokenizerFile.safeParse(json);
  if (!parsed.success) throw invalid("TokenizerInvalid", `tokenizer.json: ${firstIssue(parsed.error)}`);
  const file = parsed.data;
  requireModel(file.model);
  requireAddedTokens(file);
  for (const [at, stage] of stagesOf(file.normalizer, "normalizer", "normalizers")) requireNormalizer(at, stage);
  for (const [at, stage] of stagesOf(file.pre_tokenizer, "pre_tokenizer", "pretokenizers")) requireSplit(at, stage);
  for (const [at, stage] of stagesOf(file.decoder, "decoder", "decoders")) requireDecoder(at, stage);
  if (file.model.fuse_unk && !isWhole(file)) {
    throw unsupported(
      "model.fuse_unk",
      "true where characters can be unknown (byte_fallback with all 256 bytes knows all)",
    );
  }
  return file;
}

/** A stage with its place, and those of a sequence one by one. */
export function stagesOf(stage: unknown, at: string, list: string): [string, Stage][] {
  const parsed = type.safeParse(stage);
  if (!parsed.success) return [];
  if (parsed.data.type !== "Sequence") return [[at, parsed.data]];
  const parts: unknown = parsed.data[list];
  if (!Array.isArray(parts)) throw invalid("TokenizerInvalid", `tokenizer.json: ${at}.${list}: is no list`);
  return parts.flatMap((part, index) => stagesOf(part, `${at}.${list}.${index}`, list));
}

function requireModel(given: Model): void {
  if (given.dropout) throw unsupported("model.dropout", "above 0: the same text would be other tokens every time");
  for (const field of ["continuing_subword_prefix", "continuing_subword_suffix", "end_of_word_suffix"] as const) {
    if (given[field]) throw unsupported(`model.${field}`, JSON.stringify(given[field]));
  }
  for (const [token, id] of Object.entries(given.vocab)) {
    if (Number.isSafeInteger(id) && id >= 0) continue;
    throw invalid(
      "TokenizerInvalid",
      `tokenizer.json: model.vocab: ${JSON.stringify(token)} has no id that is a number`,
    );
  }
  const listed = Array.isArray(given.merges[0]);
  for (const [index, written] of given.merges.entries()) {
    const [left, right, ...others]: unknown[] = Array.isArray(written) ? written : String(written).split(" ");
    const isPair = typeof left === "string" && typeof right === "string" && others.length === 0;
    if (isPair && Array.isArray(written) === listed && Object.hasOwn(given.vocab, left + right)) continue;
    throw invalid(
      "TokenizerInvalid",
      `tokenizer.json: model.merges.${index}: is not a pair whose union is in model.vocab, written as the others are`,
    );
  }
}

/** A token that is not in the vocabulary has the id that follows, whatever the file says. */
function requireAddedTokens({ added_tokens, model: { vocab } }: TokenizerFile): void {
  let next = Object.keys(vocab).length;
  for (const [index, { id, content, single_word }] of added_tokens.entries()) {
    const at = `added_tokens.${index}`;
    if (single_word) throw unsupported(`${at}.single_word`, "true");
    const expected = Object.hasOwn(vocab, content) ? vocab[content] : next++;
    if (id === expected) continue;
    throw invalid(
      "TokenizerInvalid",
      `tokenizer.json: ${at}.id: is ${id}, and ${JSON.stringify(content)} has the id ${expected} for the tokenizers library (ids follow the vocabulary without a gap)`,
    );
  }
}

function requireNormalizer(at: string, stage: Stage): void {
  switch (stage.type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return;
    case "Prepend":
      requireField(at, stage, "prepend", (value) => typeof value === "string");
      return;
    case "Replace":
      requireField(at, stage, "content", (value) => typeof value === "string" && !value.includes("$"));
      requireField(at, stage, "pattern", isPattern);
      return;
    default:
      throw unsupported(`${at}.type`, `${stage.type}; NFC, NFD, NFKC, NFKD, Prepend and Replace are supported`);
  }
}

const behaviors: readonly unknown[] = ["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"];

function requireSplit(at: string, stage: Stage): void {
  switch (stage.type) {
    case "ByteLevel":
      requireField(at, stage, "add_prefix_space", (value) => value === false || value === undefined);
      return;
    case "Split":
      requireField(at, stage, "behavior", (value) => behaviors.includes(value));
      requireField(at, stage, "pattern", isPattern);
      return;
    case "Digits":
      return;
    case "Punctuation":
      requireField(at, stage, "behavior", (value) => value === "Contiguous");
      return;
    case "Metaspace":
      requireField(at, stage, "add_prefix_space", (value) => value === undefined);
      requireField(at, stage, "replacement", (value) => typeof value === "string" && Array.from(value).length === 1);
      requireField(at, stage, "prepend_scheme", (value) => ["always", "first", "never"].includes(String(value)));
      return;
    default:
      throw unsupported(
        `${at}.type`,
        `${stage.type}; ByteLevel, Split, Digits, Punctuation and Metaspace are supported`,
      );
  }
}

const decoders: readonly string[] = ["ByteLevel", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"];

function requireDecoder(at: string, stage: Stage): void {
  if (!decoders.includes(stage.type))
    throw unsupported(`${at}.type`, `${stage.type}; ${decoders.join(", ")} are supported`);
  if (stage.type === "Replace")
    requireField(at, stage, "content", (value) => typeof value === "string" && !value.includes("$"));
  if (stage.type === "Metaspace") requireField(at, stage, "prepend_scheme", (value) => value !== "never");
}

/** One that finds something, whole: an empty one is found everywhere. */
const isPattern = (value: unknown) => {
  const { Regex, String: text } = Object(value);
  return [Regex, text].filter((part) => typeof part === "string" && part !== "").length === 1;
};

/** Whether every character has tokens. */
function isWhole({ model: { vocab, byte_fallback }, pre_tokenizer }: TokenizerFile): boolean {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  if (byte_fallback) return bytes.every((byte) => Object.hasOwn(vocab, byte));
  return stagesOf(pre_tokenizer, "", "pretokenizers").at(-1)?.[1].type === "ByteLevel";
}

function requireField(at: string, stage: Stage, field: string, fits: (value: unknown) => boolean): void {
  const value = stage[field];
  if (!fits(value)) throw unsupported(`${at}.${field}`, `${stage.type} with ${JSON.stringify(value) ?? "nothing"}`);
}

const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

function firstIssue(error: z.ZodError): string {
  const { path, message } = error.issues[0]!;
  return [path.join("."), message].filter((part) => part !== "").join(": ");
}

const unsupported = (field: string, what: string) =>
  invalid("TokenizerUnsupported", `tokenizer.json: ${field}: is not supported: ${what}`);
