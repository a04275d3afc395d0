/**
 * The model's own chat template. A Jinja text that is interpreted with the messages as its only input: it reaches no
 * code, no file and no network.
 */
import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { invalid, messageOf } from "../failure.ts";
import { type Message, RowError } from "./example.ts";
import type { SpecialTokens } from "./tokenizer.ts";

const maxTemplateLength = 1_000_000;
const maxRenderedLength = 67_108_864;

const named = z.array(z.object({ name: z.string(), template: z.string() }));
const templateField = z.looseObject({ chat_template: z.union([z.string(), named]).nullish() });

/** The text of a model's template: chat_template.jinja, else the one in tokenizer_config.json; undefined if none. */
export function templateText(tokenizerConfig: unknown, templateFile: string | undefined): string | undefined {
  if (templateFile !== undefined) return templateFile;
  const field = templateField.safeParse(tokenizerConfig);
  if (!field.success) throw invalid("TemplateInvalid", "tokenizer_config.json: chat_template is not a template");
  const { chat_template } = field.data;
  if (typeof chat_template === "string") return chat_template;
  return chat_template?.find(({ name }) => name === "default")?.template;
}

export class ChatTemplate {
  readonly #template: Template;
  readonly #special: SpecialTokens;

  constructor(text: string, special: SpecialTokens) {
    if (text.length > maxTemplateLength) {
      throw invalid("TemplateInvalid", `the chat template has ${text.length} characters, over ${maxTemplateLength}`);
    }
    try {
      this.#template = new Template(text);
    } catch (error) {
      throw invalid("TemplateInvalid", `the chat template cannot be parsed: ${messageOf(error)}`);
    }
    this.#special = special;
  }

  /** The conversation as text; with `prompt`, up to where the assistant begins to speak. Throws `RowError`. */
  render(messages: readonly Message[], prompt: boolean): string {
    let text: string;
    try {
      text = this.#template.render({
        messages,
        add_generation_prompt: prompt,
        bos_token: this.#special.bosToken ?? "",
        eos_token: this.#special.eosToken,
        pad_token: this.#special.padToken ?? "",
        unk_token: this.#special.unkToken ?? "",
      });
    } catch (error) {
      throw new RowError(`the chat template refuses it: ${messageOf(error)}`);
    }
    if (text.length > maxRenderedLength) throw new RowError(`the chat template makes ${text.length} characters of it`);
    return text;
  }
}
