/** A model's tokenizer and template, from the texts of its files; threads are sent the texts. */
import { parseJson } from "../../formats/huggingFace.ts";
import { ChatTemplate, templateText } from "../template/chatTemplate.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./encode.ts";

export interface CodecTexts {
  /** tokenizer.json */
  readonly tokenizer: string;
  /** tokenizer_config.json */
  readonly config: string;
  /** chat_template.jinja, where there is one. */
  readonly template: string | undefined;
}

/** Throws a failure that names the file. */
export function codecOf({ tokenizer: tokenizerText, config, template: file }: CodecTexts): Codec {
  const tokenizer = new Tokenizer(tokenizerText, config);
  const template = templateText(parseJson("tokenizer_config.json", config), file);
  return { tokenizer, template: template === undefined ? undefined : new ChatTemplate(template, tokenizer.special) };
}
