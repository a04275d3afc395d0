/** A model's tokenizer, template and end tokens, from the texts of its files, which encoding processes receive. */
import { parseJson } from "../../formats/huggingFace.ts";
import { ChatTemplate, type TemplateTexts, templateTexts } from "../template/chatTemplate.ts";
import { Tokenizer, type TokenizerTexts } from "../tokenizer/tokenizer.ts";
import { configuredEndIds } from "./endTokens.ts";
import { type Opening, openingOf } from "./opening.ts";
import { type Thoughts, thoughtsOf } from "./thoughts.ts";
import { callEndOf, type TurnEnd, turnEndOf } from "./turnEnd.ts";

export interface CodecTexts extends TokenizerTexts {
  /** The model's files of chat templates, by the template's name. */
  readonly templates?: TemplateTexts | undefined;
  /** config.json, for its end tokens. */
  readonly modelConfig?: string | undefined;
  /** generation_config.json, if present. */
  readonly generationConfig?: string | undefined;
}

export interface Codec {
  readonly tokenizer: Tokenizer;
  /** Undefined when the model has no template; then only prompt–completion and text examples can be encoded. */
  readonly template: ChatTemplate | undefined;
  /** How the template ends an answer; undefined when it writes no token after one. */
  readonly turnEnd: TurnEnd | undefined;
  /** The text that the template writes before every answer; undefined when it writes no token there. */
  readonly opening: Opening | undefined;
  /** Where the template writes the thoughts before an answer; undefined when it marks none by tokens. */
  readonly thoughts: Thoughts | undefined;
  /** Tokens with which the template ends an answer, and one that calls a tool, if that is another. */
  readonly templateEndIds: readonly number[];
  /**
   * Tokens that end an answer: the tokenizer's `eos_token`, `eos_token_id` of config.json and
   * generation_config.json, and those of the template.
   */
  readonly endIds: ReadonlySet<number>;
}

/** Throws a failure that names the file. */
export async function codecOf(texts: CodecTexts): Promise<Codec> {
  const tokenizer = await Tokenizer.load(texts);
  const templates = templateTexts(parseJson("tokenizer_config.json", texts.config), texts.templates ?? {});
  const template = Object.keys(templates).length === 0 ? undefined : new ChatTemplate(templates, tokenizer.special);
  const turnEnd = template && turnEndOf(template, tokenizer);
  const opening = template && (await openingOf(template, tokenizer));
  const thoughts = template && (await thoughtsOf(template, tokenizer));
  const callEnd = template && callEndOf(template, tokenizer, turnEnd);
  const templateEndIds = [turnEnd?.id, callEnd].filter((id) => id !== undefined);
  const endIds = new Set([tokenizer.eosId, ...configuredEndIds(texts), ...templateEndIds]);
  return { tokenizer, template, turnEnd, opening, thoughts, templateEndIds, endIds };
}
