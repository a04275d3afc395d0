/**
 * The model's own chat template. A Jinja text that is interpreted with the messages as its only input: it reaches no
 * code, no file and no network; a rendering that takes too long is ended.
 */
import { types } from "node:util";
import { createContext, Script } from "node:vm";
import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { invalid, messageOf, StageFailure } from "../failure.ts";
import { type Message, RowError } from "./example.ts";
import type { SpecialTokens } from "./tokenizer.ts";

const maxTemplateLength = 1_000_000;
/** Of one conversation, in milliseconds: usual templates take less than one. */
const maxRenderTime = 5_000;
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

/** Node ends what runs too long only below a script; this one does nothing but call. */
const caller = new Script("work()");
const scope = { work: () => {} };
const context = createContext(scope);

/** Does synchronous work, or throws the failure `TemplateTooSlow`. */
function withinTime<T>(work: () => T): T {
  const results: T[] = [];
  scope.work = () => void results.push(work());
  try {
    caller.runInContext(context, { timeout: maxRenderTime });
  } catch (error) {
    // Not `instanceof`: it is an error of the script's own realm.
    if (!(types.isNativeError(error) && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")) throw error;
    throw invalid(
      "TemplateTooSlow",
      `the chat template takes over ${maxRenderTime / 1000} seconds for one conversation; use a base with another one`,
    );
  }
  const [result] = results;
  if (result === undefined) throw new Error("the work has no result");
  return result;
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
      text = withinTime(() => this.#template.render(this.#inputs(messages, prompt)));
    } catch (error) {
      if (error instanceof StageFailure) throw error;
      throw new RowError(`the chat template refuses it: ${messageOf(error)}`);
    }
    if (text.length > maxRenderedLength) throw new RowError(`the chat template makes ${text.length} characters of it`);
    return text;
  }

  #inputs(messages: readonly Message[], prompt: boolean) {
    return {
      messages,
      add_generation_prompt: prompt,
      bos_token: this.#special.bosToken ?? "",
      eos_token: this.#special.eosToken,
      pad_token: this.#special.padToken ?? "",
      unk_token: this.#special.unkToken ?? "",
    };
  }
}
