/**
 * The parts of tokenizer.json that Luthier reads itself. The tokenizers library checks everything else: this file
 * refuses no kind of model, split or normalizer, only a file that would exhaust the memory. Pure.
 */
import { z } from "zod";
import { invalid } from "../../contract/failure.ts";
import { issueText } from "../../contract/plainIssue.ts";
import { parseJson } from "../../formats/huggingFace.ts";

/** In characters. The largest files in use, with a vocabulary of 256,000 words, have 35 million. */
const maxLength = 134_217_728;
/** Maximum growth of a text by a normalizer's replacements. Those in use replace a character by one other. */
const maxGrowth = 1024;

const stage = z.looseObject({ type: z.string() });
const addedToken = z.looseObject({
  content: z.string(),
  special: z.boolean().nullish(),
  rstrip: z.boolean().nullish(),
});
const tokenizerFile = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: stage.nullish(),
  pre_tokenizer: stage.nullish(),
  model: z.looseObject({
    dropout: z.number().nullish(),
    continuing_subword_prefix: z.string().nullish(),
    merges: z.array(z.unknown()).nullish(),
  }),
});

export type TokenizerFile = z.infer<typeof tokenizerFile>;
export type Stage = z.infer<typeof stage>;

/** Reads the text of tokenizer.json. Throws a failure that names the fault. */
export function readTokenizerFile(text: string): TokenizerFile {
  if (text.length > maxLength)
    throw invalidFile(`has ${text.length} characters, but at most ${maxLength} are supported`);
  const parsed = tokenizerFile.safeParse(parseJson("tokenizer.json", text));
  if (parsed.success) {
    requirePrefixes(parsed.data);
    return parsed.data;
  }
  throw invalidFile(issueText(parsed.error.issues[0]!));
}

/** The library cuts the prefix off the second part of each merge; a part without it would end the process. */
function requirePrefixes({ model: { continuing_subword_prefix: prefix, merges } }: TokenizerFile): void {
  if (!prefix) return;
  for (const [index, merge] of (merges ?? []).entries()) {
    const second: unknown = Array.isArray(merge) ? merge[1] : String(merge).split(" ")[1];
    if (typeof second !== "string" || !second.startsWith(prefix))
      throw invalidFile(`model.merges[${index}]: its second part must begin with continuing_subword_prefix`);
  }
}

export const invalidFile = (what: string) => invalid("TokenizerInvalid", `tokenizer.json: ${what}`);

/**
 * The text for the library, without dropout, which would encode the same text differently each time. Without dropout
 * the text is unchanged, because writing a large file again takes memory.
 */
export function deterministicText(text: string, file: TokenizerFile): string {
  return file.model.dropout ? JSON.stringify({ ...file, model: { ...file.model, dropout: null } }) : text;
}

/** Throws a failure for a normalizer that lengthens a text without bound, although the library accepted the file. */
export function requireBoundedGrowth({ normalizer }: TokenizerFile): void {
  const growth = stagesOf(normalizer, "normalizers").reduce((product, { type, content, prepend }) => {
    const written = type === "Replace" ? content : type === "Prepend" ? prepend : "";
    return product * Math.max(1, typeof written === "string" ? written.length : 1);
  }, 1);
  if (growth > maxGrowth) throw invalidFile(`normalizer: lengthens a text up to ${growth} times, at most ${maxGrowth}`);
}

/**
 * The stages that encode a text in the middle of a line: some tokenizers put a space before every text or strip the spaces
 * at its beginning. Undefined when the file has no such stage.
 */
export interface Continuation {
  /** A complete tokenizer.json with these stages and an empty model. */
  readonly text: string;
  /** Whether the space also follows each added token, not only precedes the first text. */
  readonly afterAddedTokens: boolean;
}

export function continuationOf({ normalizer, pre_tokenizer }: TokenizerFile): Continuation | undefined {
  const [normalizers, splits] = [stagesOf(normalizer, "normalizers"), stagesOf(pre_tokenizer, "pretokenizers")];
  const changed = [...normalizers, ...splits].filter((one) => continuing(one) !== one);
  if (changed.length === 0) return undefined;
  const text = JSON.stringify({
    version: "1.0",
    added_tokens: [],
    normalizer: { type: "Sequence", normalizers: normalizers.flatMap((one) => continuing(one) ?? []) },
    pre_tokenizer: { type: "Sequence", pretokenizers: splits.flatMap((one) => continuing(one) ?? []) },
    model: { type: "BPE", vocab: {}, merges: [] },
  });
  return { text, afterAddedTokens: changed.some(({ prepend_scheme }) => prepend_scheme !== "first") };
}

/** The stage for the middle of a line: the same one, another one, or none. */
function continuing(one: Stage): Stage | undefined {
  switch (one.type) {
    case "Prepend":
      return undefined;
    case "Strip":
      return one.strip_left === false ? one : { ...one, strip_left: false };
    case "ByteLevel":
      return one.add_prefix_space === false ? one : { ...one, add_prefix_space: false };
    case "Metaspace": {
      const { add_prefix_space, prepend_scheme, ...others } = one;
      const never = prepend_scheme === "never" || add_prefix_space === false;
      return never ? one : { ...others, type: one.type, prepend_scheme: "never" };
    }
    default:
      return one;
  }
}

/** A stage, or the stages of a sequence, at any nesting. */
function stagesOf(given: unknown, list: string): Stage[] {
  const parsed = stage.safeParse(given);
  if (!parsed.success) return [];
  const parts = parsed.data[list];
  if (parsed.data.type !== "Sequence" || !Array.isArray(parts)) return [parsed.data];
  return parts.flatMap((part: unknown) => stagesOf(part, list));
}
