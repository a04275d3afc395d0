/**
 * The model's own chat template. A Jinja text that is interpreted with a conversation as its only input: it reaches no
 * code, no file, no network and no clock; a rendering that takes too long is ended. It sees what transformers gives it:
 * `messages`, `tools` and `documents` (none where there are none), `add_generation_prompt`, the special tokens that the
 * tokenizer has, `raise_exception` and `strftime_now`.
 */
import { Environment, parse, tokenize } from "@huggingface/jinja";
import { z } from "zod";
import { invalid, messageOf } from "../../contract/failure.ts";
import { type Conversation, type Message, RowError } from "../rows/example.ts";
import { generousTime, TimeLimitError, tooSlow, withinTime } from "../rows/timeLimit.ts";
import type { SpecialTokens } from "../tokenizer/specialTokens.ts";
import { PythonInterpreter, runtimeValue } from "./jinja.ts";

const maxTemplateLength = 1_000_000;
const maxRenderedLength = 67_108_864;
/** Of a `range`: usual templates loop over the messages. */
const maxRange = 100_000;

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

/** What every template finds, beside the conversation. */
function globals(): Environment {
  const environment = new Environment();
  for (const [name, value] of [
    ["false", false],
    ["true", true],
    ["none", null],
  ] as const) {
    environment.set(name, value);
    environment.set(
      name.replace(/^./, (letter) => letter.toUpperCase()),
      value,
    );
  }
  environment.set("raise_exception", (message: unknown) => {
    throw new RowError(String(message));
  });
  environment.set("range", boundedRange);
  environment.set("strftime_now", fixedDate);
  return environment;
}

function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, end] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (!(length <= maxRange)) throw new RowError(`a range of ${length} is over ${maxRange}`);
  return Array.from({ length }, (_, index) => start + index * step);
}

/**
 * A template that writes the date of today would make other tokens of the same data every day. Time stands still on the
 * day that Llama 3's templates write where they are told none.
 */
function fixedDate(format: string): string {
  const parts: Readonly<Record<string, string>> = {
    "%Y": "2024",
    "%m": "07",
    "%d": "26",
    "%b": "Jul",
    "%B": "July",
    "%a": "Fri",
    "%A": "Friday",
    "%H": "00",
    "%M": "00",
    "%S": "00",
    "%%": "%",
  };
  return format.replace(/%./g, (code) => {
    const part = parts[code];
    if (part === undefined) throw new RowError(`strftime_now: ${code} is not known`);
    return part;
  });
}

export class ChatTemplate {
  readonly #program: ReturnType<typeof parse>;
  readonly #globals = globals();

  constructor(text: string, special: SpecialTokens) {
    if (text.length > maxTemplateLength) {
      throw invalid("TemplateInvalid", `the chat template has ${text.length} characters, over ${maxTemplateLength}`);
    }
    try {
      this.#program = withinTime(generousTime, () =>
        // Lines end as Jinja has them, whatever machine the file was written on.
        parse(tokenize(text.replace(/\r\n?/g, "\n"), { lstrip_blocks: true, trim_blocks: true })),
      );
    } catch (error) {
      throw invalid("TemplateInvalid", `the chat template cannot be parsed: ${messageOf(error)}`);
    }
    for (const [name, token] of Object.entries(specialInputs(special))) this.#globals.set(name, token);
  }

  /** The conversation as text; with `prompt`, up to where the assistant begins to speak. Throws `RowError`. */
  render(conversation: Conversation, prompt: boolean): string {
    return this.prefixesOf(conversation)(conversation.messages.length, prompt);
  }

  /** Renders the first `count` messages of a conversation as `render` does; what is common to all is made once. */
  prefixesOf({ messages, tools }: Conversation): (count: number, prompt: boolean) => string {
    const common = new Environment(this.#globals);
    common.setVariable("tools", runtimeValue(tools ?? null));
    common.set("documents", null);
    const all = messages.map((message) => runtimeValue(withThinking(message)));
    return (count, prompt) => {
      const scope = new Environment(common);
      scope.set("messages", []).value = all.slice(0, count);
      scope.set("add_generation_prompt", prompt);
      return this.#run(scope);
    };
  }

  #run(scope: Environment): string {
    let text: string;
    try {
      text = withinTime(generousTime, () => String(new PythonInterpreter(scope).run(this.#program).value));
    } catch (error) {
      if (error instanceof TimeLimitError) throw tooSlow(`${error.message} for one conversation`);
      throw new RowError(`the chat template refuses it: ${messageOf(error)}`);
    }
    if (text.length > maxRenderedLength) throw new RowError(`the chat template makes ${text.length} characters of it`);
    return text;
  }
}

/** Templates of gpt-oss know what was thought by another name. */
function withThinking(message: Message): object {
  const { reasoning_content: thinking } = message;
  return thinking === undefined ? message : { thinking, ...message };
}

/** A token that the tokenizer does not have is not defined, as in transformers. */
function specialInputs({ bosToken, eosToken, padToken, unkToken }: SpecialTokens): Readonly<Record<string, string>> {
  return {
    ...(bosToken !== undefined && { bos_token: bosToken }),
    eos_token: eosToken,
    ...(padToken !== undefined && { pad_token: padToken }),
    ...(unkToken !== undefined && { unk_token: unkToken }),
  };
}
