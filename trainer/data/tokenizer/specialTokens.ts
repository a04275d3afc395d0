/**
 * The tokens in tokenizer_config.json and special_tokens_map.json: end of sequence, padding and others. As in
 * transformers 5, special_tokens_map.json takes precedence over tokenizer_config.json, unless the latter lists
 * `added_tokens_decoder`, as files of newer releases do; then it only adds missing tokens, and added_tokens.json is not
 * used. Pure.
 */
import { z } from "zod";
import { invalid } from "../../contract/failure.ts";
import { errorText } from "../../contract/plainIssue.ts";
import { parseJson } from "../../formats/huggingFace.ts";

/** A token in addition to those of tokenizer.json, with the settings of Hugging Face's AddedToken. */
export interface NamedToken {
  readonly content: string;
  readonly special: boolean;
  readonly singleWord: boolean;
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
  readonly normalized: boolean;
}

export interface SpecialTokens {
  bosToken: string | undefined;
  eosToken: string;
  padToken: string | undefined;
  unkToken: string | undefined;
}

export interface NamedTokens {
  readonly special: SpecialTokens;
  /** All named special tokens, of every role. */
  readonly named: readonly NamedToken[];
  /** Tokens of `added_tokens_decoder` in the order of their ids. */
  readonly added: readonly NamedToken[];
}

const flag = z.boolean().nullish();
const written = z.object({
  content: z.string().max(512),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
});
const token = z.union([
  z
    .string()
    .max(512)
    .transform((content) => ({ content })),
  written,
]);
const tokens = z.array(token).nullish();

const roles = ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"] as const;

const tokenFile = z.looseObject({
  ...Object.fromEntries(roles.map((role) => [role, token.nullish()])),
  additional_special_tokens: tokens,
  /** A list, or an object of tokens by custom names. */
  extra_special_tokens: z.union([z.array(token), z.record(z.string(), token)]).nullish(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), written).nullish(),
});
type Token = z.infer<typeof token>;

const olderFile = z.record(z.string().max(512), z.int().min(0));

/** Reads the texts of the files. Throws a failure that names the file. */
export function readSpecialTokens(configText: string, mapText?: string, addedText?: string): NamedTokens {
  const config = read("tokenizer_config.json", configText);
  const map = mapText === undefined ? {} : read("special_tokens_map.json", mapText);
  const [first, second] = config.added_tokens_decoder ? [config, map] : [map, config];
  const byRole = new Map<string, Token>();
  for (const role of roles) {
    const found = token.safeParse(first[role] ?? second[role]).data;
    if (found && found.content !== "") byRole.set(role, found);
  }
  const contentOf = (role: (typeof roles)[number]) => byRole.get(role)?.content;
  const eosToken = contentOf("eos_token");
  if (eosToken === undefined) {
    throw invalid(
      "TokenizerInvalid",
      "eos_token is set neither in tokenizer_config.json nor in special_tokens_map.json; set it, since answers need an end",
    );
  }
  const decoder = Object.entries(config.added_tokens_decoder ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  const named = [...byRole.values(), ...extra(first), ...extra(second)];
  const added = config.added_tokens_decoder
    ? decoder.map(([, one]) => settingsOf(one))
    : olderTokens(addedText, new Set(named.map(({ content }) => content)));
  return {
    special: {
      bosToken: contentOf("bos_token"),
      eosToken,
      padToken: contentOf("pad_token"),
      unkToken: contentOf("unk_token"),
    },
    named: named.map((one) => ({ ...settingsOf(one), special: true })),
    added,
  };
}

/** The tokens of added_tokens.json, which tokenizers of older versions wrote, in the order of their ids. */
function olderTokens(text: string | undefined, special: ReadonlySet<string>): NamedToken[] {
  if (text === undefined) return [];
  const parsed = olderFile.safeParse(parseJson("added_tokens.json", text));
  if (!parsed.success) throw invalid("TokenizerInvalid", `added_tokens.json: ${errorText(parsed.error)}`);
  const entries = Object.entries(parsed.data).sort(([, a], [, b]) => a - b);
  return entries.map(([content]) => {
    const isSpecial = special.has(content);
    return { ...settingsOf({ content }), special: isSpecial, normalized: !isSpecial };
  });
}

function extra({ additional_special_tokens, extra_special_tokens }: z.infer<typeof tokenFile>): Token[] {
  return [...(additional_special_tokens ?? []), ...Object.values(extra_special_tokens ?? {})];
}

function settingsOf(one: Token): NamedToken {
  const { content, single_word, lstrip, rstrip, normalized, special }: Partial<z.infer<typeof written>> & Token = one;
  return {
    content,
    special: special ?? false,
    singleWord: single_word ?? false,
    leftStrip: lstrip ?? false,
    rightStrip: rstrip ?? false,
    normalized: normalized ?? false,
  };
}

function read(file: string, text: string): z.infer<typeof tokenFile> {
  const parsed = tokenFile.safeParse(parseJson(file, text));
  if (!parsed.success) throw invalid("TokenizerInvalid", `${file}: ${errorText(parsed.error)}`);
  return parsed.data;
}
