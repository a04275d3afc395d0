/**
 * The model's own chat template: a Jinja text interpreted with a conversation as its only input. It has no access to
 * code, files, network or clock, and a rendering that takes too long is cancelled. It gets the same variables as in
 * transformers: `messages`, `tools` and `documents` (none if missing), `add_generation_prompt`, the tokenizer's special
 * tokens, `raise_exception` and `strftime_now`.
 */
import { Environment, parse, type RuntimeValue, tokenize } from "@huggingface/jinja";
import { z } from "zod";
import { invalid, messageOf, StageFailure } from "../../contract/failure.ts";
import { type Conversation, type JsonObject, type Message, RowError } from "../rows/example.ts";
import { generousTime, TimeLimitError, tooSlow, withinTime } from "../rows/timeLimit.ts";
import type { SpecialTokens } from "../tokenizer/specialTokens.ts";
import { type Rendered, withNoncharacters, withoutNoncharacters } from "./generationMarks.ts";
import { PythonInterpreter, runtimeValue } from "./jinja.ts";
import { pythonJson, pythonText } from "./pythonText.ts";

const maxTemplateLength = 1_000_000;
const maxRenderedLength = 67_108_864;
/** Maximum length of a `range`; usual templates loop over the messages. */
const maxRange = 100_000;

/** Templates by name: `default`, and `tool_use` for conversations with tools. Other names are not used. */
export type TemplateTexts = Readonly<Record<string, string>>;

const named = z.array(z.object({ name: z.string(), template: z.string() }));
const byName = z.record(z.string(), z.string());
const templateField = z.looseObject({ chat_template: z.union([z.string(), named, byName]).nullish() });

/**
 * The templates of a model, as transformers finds them: `files` (chat_template.jinja is `default`, and those below
 * additional_chat_templates/ have their file's name), and without such files, tokenizer_config.json.
 */
export function templateTexts(tokenizerConfig: unknown, files: TemplateTexts): TemplateTexts {
  if (Object.keys(files).length > 0) return files;
  const field = templateField.safeParse(tokenizerConfig);
  if (!field.success) throw invalid("TemplateInvalid", "tokenizer_config.json: chat_template is not a template");
  const { chat_template } = field.data;
  if (typeof chat_template === "string") return { default: chat_template };
  if (!Array.isArray(chat_template)) return chat_template ?? {};
  return Object.fromEntries(chat_template.map(({ name, template }) => [name, template]));
}

/** The variables of every template, in addition to the conversation. */
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
    throw new TemplateRefusal(String(message));
  });
  environment.set("range", boundedRange);
  environment.set("strftime_now", fixedDate);
  return environment;
}

function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, end] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (!(length <= maxRange)) throw new RowError(`a range of ${length} exceeds ${maxRange}`);
  return Array.from({ length }, (_, index) => start + index * step);
}

/**
 * A template that writes the current date would give different tokens for the same data every day. The date is
 * therefore fixed to the one that Llama 3's templates write by default.
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
    if (part === undefined) throw new RowError(`strftime_now: ${code} is not supported`);
    return part;
  });
}

interface Program {
  readonly body: ReturnType<typeof parse>;
  readonly hasMarks: boolean;
}
type Run = (messages: readonly RuntimeValue[], prompt: boolean) => Rendered;

/** Renders the first `count` messages of a conversation; with `prompt`, up to the start of the assistant's answer. */
export type Render = (count: number, prompt: boolean) => Rendered;

export class ChatTemplate {
  readonly #texts: TemplateTexts;
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #globals = globals();
  /** Whether a plain conversation can be trained on, by template and presence of tools. */
  readonly #learnable = new Map<string, boolean>();

  /** Parses the templates; a single text is the default one. Throws a failure for a template that cannot be parsed. */
  constructor(given: string | TemplateTexts, special: SpecialTokens) {
    this.#texts = typeof given === "string" ? { default: given } : given;
    const used = ["default", "tool_use"].filter((name) => Object.hasOwn(this.#texts, name));
    this.#programs = new Map(used.map((name) => [name, parsed(name, this.#texts[name]!)]));
    for (const [name, token] of Object.entries(specialInputs(special))) this.#globals.set(name, token);
  }

  /** The conversation as text; with `prompt`, up to the start of the assistant's answer. Throws `RowError`. */
  render(conversation: Conversation, prompt: boolean): string {
    return this.prefixesOf(conversation)(conversation.messages.length, prompt).text;
  }

  /** The result of `render`; undefined when the template cannot render the conversation, for any reason. */
  tryRender(conversation: Conversation, prompt: boolean): string | undefined {
    const name = this.#nameOf(conversation);
    if (name === undefined) return undefined;
    const run = this.#runner(name, conversation);
    return attempt(() => run(valuesFor(conversation.messages, run), prompt).text);
  }

  /**
   * Renders the first `count` messages of a conversation as `render` does, and shares their common work. Throws
   * `RowError` for a conversation that the template cannot render, and a failure for a template that can render none.
   */
  prefixesOf(conversation: Conversation): Render {
    const name = this.#nameFor(conversation);
    const run = this.#runner(name, conversation);
    const chosen = valuesFor(conversation.messages, run);
    return (count, prompt) => {
      try {
        return run(chosen.slice(0, count), prompt);
      } catch (error) {
        throw this.#faultOf(error, name, conversation);
      }
    };
  }

  /**
   * Whether the template can render a usual conversation and writes its answer after the generation prompt. Only then
   * is a failure with another conversation the row's fault.
   */
  canLearn(conversation: Conversation): boolean {
    const withTools = conversation.tools !== undefined;
    const key = `${this.#nameFor(conversation)} ${withTools}`;
    const known = this.#learnable.get(key);
    if (known !== undefined) return known;
    const learnable = usualConversations.some((messages) =>
      this.#canLearn(withTools ? { messages, tools } : { messages }),
    );
    this.#learnable.set(key, learnable);
    return learnable;
  }

  #canLearn({ messages, tools }: Conversation): boolean {
    const given = tools === undefined ? {} : { tools };
    const asked = this.tryRender({ messages: messages.slice(0, -1), ...given }, true);
    const whole = this.tryRender({ messages, ...given }, false);
    if (asked === undefined || whole?.startsWith(asked) !== true) return false;
    return whole.slice(asked.length).toLowerCase().includes(usualAnswer);
  }

  /** Selects the template as transformers does: with several templates, `tool_use` for conversations with tools. */
  #nameOf({ tools }: Conversation): string | undefined {
    const name = tools !== undefined && this.#programs.has("tool_use") ? "tool_use" : "default";
    return this.#programs.has(name) ? name : undefined;
  }

  #nameFor(conversation: Conversation): string {
    const name = this.#nameOf(conversation);
    if (name !== undefined) return name;
    const { tools } = conversation;
    throw invalid(
      "TemplateInvalid",
      `the base model has no default chat template, and none of its templates (${Object.keys(this.#texts).join(", ")}) is for conversations ${tools === undefined ? "without" : "with"} tools: add chat_template.jinja`,
    );
  }

  #runner(name: string, { tools }: Conversation): Run {
    const program = this.#programs.get(name)!;
    const common = new Environment(this.#globals);
    common.setVariable("tools", runtimeValue(tools ?? null));
    common.set("documents", null);
    return (messages, prompt) => {
      const scope = new Environment(common);
      scope.set("messages", []).value = messages;
      scope.set("add_generation_prompt", prompt);
      return rendered(program, scope);
    };
  }

  /** Attributes an error to the template if it fails for every conversation, else to the row. */
  #faultOf(error: unknown, name: string, conversation: Conversation): unknown {
    if (error instanceof StageFailure) return error;
    const called = name === "default" ? "the base model's chat template" : `the base model's chat template ${name}`;
    const fault =
      error instanceof TemplateRefusal
        ? `${called} refuses it${this.#wordsOf(error, name)}`
        : `${called} cannot render it: ${messageOf(error)}`;
    const calls = conversation.messages.some(({ tool_calls }) => tool_calls);
    if (this.canLearn(conversation)) {
      return new RowError(calls ? `${fault} (its answers call tools, which that template may not support)` : fault);
    }
    return invalid(
      "TemplateInvalid",
      `${fault}; it cannot render any usual conversation${conversation.tools ? " with tools" : ""} either, so the fault is the template's, not the row's: ${otherTemplate}`,
    );
  }

  /**
   * The part of a `raise_exception` message that the template contains literally; the rest may be the row's content.
   */
  #wordsOf({ message }: TemplateRefusal, name: string): string {
    const text = this.#texts[name]!;
    let length = message.length;
    while (length > 0 && !text.includes(message.slice(0, length))) length--;
    if (length === 0) return "";
    return `: ${message.slice(0, length)}${length < message.length ? "…" : ""}`;
  }
}

/** The fix for an unsuitable template. */
export const otherTemplate = "set dataset.chatTemplate to another template (builtIn, text or uri)";

/** An error that the template itself raised (`raise_exception`). */
class TemplateRefusal extends Error {}

function parsed(name: string, text: string): Program {
  const called = name === "default" ? "the chat template" : `the chat template ${name}`;
  if (text.length > maxTemplateLength) {
    throw invalid("TemplateInvalid", `${called} has ${text.length} characters, more than ${maxTemplateLength}`);
  }
  try {
    // Jinja's line ends, whatever the line ends of the file.
    const lines = text.replace(/\r\n?/g, "\n");
    const written = withNoncharacters(lines);
    const options = { lstrip_blocks: true, trim_blocks: true };
    return { body: withinTime(generousTime, () => parse(tokenize(written, options))), hasMarks: written !== lines };
  } catch (error) {
    // The parser runs past the end of a template with an unclosed block.
    const why = error instanceof TypeError ? "a block or an expression is not closed" : messageOf(error);
    throw invalid("TemplateInvalid", `${called} cannot be parsed: ${why}`);
  }
}

function rendered(program: Program, scope: Environment): Rendered {
  let text: string;
  try {
    text = withinTime(generousTime, () => String(new PythonInterpreter(scope).run(program.body).value));
  } catch (error) {
    if (error instanceof TimeLimitError) throw tooSlow(`${error.message} for one conversation`);
    throw error;
  }
  if (text.length > maxRenderedLength)
    throw new RowError(`its rendering has ${text.length} characters, more than ${maxRenderedLength}`);
  return program.hasMarks ? withoutNoncharacters(text) : { text, marked: [] };
}

/** The result of `render`, or undefined when it throws anything but a failure. */
function attempt<T>(render: () => T): T | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof StageFailure) throw error;
    return undefined;
  }
}

const usualAnswer = "b";
const question: Message = { role: "user", content: "a" };
const usualConversations: readonly (readonly Message[])[] = [
  [question, { role: "assistant", content: usualAnswer }],
  [{ role: "system", content: "s" }, question, { role: "assistant", content: usualAnswer }],
  [question, { role: "assistant", content: `<think>\nt\n</think>\n\n${usualAnswer}` }],
  [question, { role: "assistant", content: usualAnswer, reasoning_content: "t" }],
];
const tools: readonly JsonObject[] = [
  {
    type: "function",
    function: {
      name: "f",
      description: "d",
      parameters: { type: "object", properties: { p: { type: "string", description: "d" } }, required: ["p"] },
    },
  },
];

/**
 * The messages in the form that the template accepts: their calls' arguments as objects or texts, and no content beside calls as
 * none or, if it cannot render that, as the empty text.
 */
function valuesFor(messages: readonly Message[], run: Run): readonly RuntimeValue[] {
  if (!messages.some(({ tool_calls }) => tool_calls)) return valuesOf(messages, "objects");
  const values = withAcceptedArguments(messages, run);
  if (messages.every(({ content }) => content !== null)) return values;
  if (attempt(() => run(values, false)) !== undefined) return values;
  const written = messages.map((message) => (message.content === null ? { ...message, content: "" } : message));
  const others = withAcceptedArguments(written, run);
  return attempt(() => run(others, false)) === undefined ? values : others;
}

function withAcceptedArguments(messages: readonly Message[], run: Run): readonly RuntimeValue[] {
  const [objects, texts] = [valuesOf(messages, "objects"), valuesOf(messages, "texts")];
  return takesTexts(messages, run, objects, texts) ? texts : objects;
}

/** The form of tool call arguments for a template. */
type ArgumentForm = "objects" | "texts";

function valuesOf(messages: readonly Message[], form: ArgumentForm): RuntimeValue[] {
  return messages.map((message) => runtimeValue(withThinking(withArguments(message, form))));
}

function withArguments(message: Message, form: ArgumentForm): object {
  if (message.tool_calls === undefined) return message;
  const calls = message.tool_calls.map(({ written, function: { name, arguments: given }, ...call }) => ({
    ...call,
    function: { name, arguments: form === "objects" ? given : (written ?? jsonOf(given)) },
  }));
  return { ...message, tool_calls: calls };
}

const jsonOf = (value: JsonObject) =>
  pythonJson(runtimeValue(value), { ensureAscii: false, indent: undefined, separators: [", ", ": "], sortKeys: false });

/**
 * Whether a template expects the arguments of calls as text: it cannot render the objects, or it writes them as a
 * Python dictionary, which is never intended. All other templates expect objects.
 */
function takesTexts(
  messages: readonly Message[],
  run: Run,
  objects: readonly RuntimeValue[],
  texts: readonly RuntimeValue[],
): boolean {
  const withObjects = attempt(() => run(objects, false).text);
  const written = messages
    .flatMap(({ tool_calls = [] }) => tool_calls)
    .filter(({ function: { arguments: given } }) => Object.keys(given).length > 0)
    .map(({ function: { arguments: given } }) => pythonText(runtimeValue(given)));
  if (withObjects !== undefined && !written.some((text) => withObjects.includes(text))) return false;
  const withTexts = attempt(() => run(texts, false).text);
  if (withTexts === undefined) return false;
  // A dictionary that is part of a message's text occurs in both renderings.
  const occurrences = (text: string) => written.reduce((sum, one) => sum + text.split(one).length - 1, 0);
  return withObjects === undefined || occurrences(withObjects) > occurrences(withTexts);
}

/** Templates of gpt-oss use another name for the thoughts. */
function withThinking(message: object): object {
  if (!("reasoning_content" in message)) return message;
  return { thinking: message.reasoning_content, ...message };
}

/** A token that the tokenizer lacks is undefined, as in transformers. */
function specialInputs({ bosToken, eosToken, padToken, unkToken }: SpecialTokens): Readonly<Record<string, string>> {
  return {
    ...(bosToken !== undefined && { bos_token: bosToken }),
    eos_token: eosToken,
    ...(padToken !== undefined && { pad_token: padToken }),
    ...(unkToken !== undefined && { unk_token: unkToken }),
  };
}
