/**
 * Converts a JSON row to an example, in each supported format: OpenAI's messages, ShareGPT, Alpaca, prompt and
 * completion, text. A row that does not fit is an error with its reason, never a guess; an unread column is reported.
 * Pure.
 */
import { z } from "zod";
import type { DataFile } from "../../contract/effective.ts";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import { formatFields } from "../../contract/settingsRules.ts";
import { ColumnsSeen } from "./columnsSeen.ts";
import { type Example, type JsonObject, type Message, RowError } from "./example.ts";
import { messagesOf, toolsOf, wrappedTool } from "./messages.ts";
import { refuseFields } from "./refusedFields.ts";
import { check, isEmpty, isRow, longText, ownMember, type Row, RowFields, unwritten } from "./rowFields.ts";
import { turnsOf } from "./shareGpt.ts";

/** How to read the rows of a file. */
export interface RowFormat {
  readonly format: NamedFormat;
  readonly columns: Columns;
}

/**
 * The format of a file by the fields that a row of it has; of several, the first of: messages; conversations; instruction
 * and output; prompt and completion; text. Throws `RowError` for a row with none of them.
 */
export function detectFormat(row: unknown, columns: Columns = {}): NamedFormat {
  const fields = new RowFields(row, columns);
  if (fields.has("messages")) return "Messages";
  if (fields.has("conversations")) return "ShareGPT";
  if (fields.has("instruction", "output")) return "Alpaca";
  if (fields.has("prompt", "completion")) return "PromptCompletion";
  if (fields.has("text")) return "Text";
  const isPreference = !isEmpty(fields.member("chosen")) && !isEmpty(fields.member("rejected"));
  throw new RowError(
    isPreference
      ? "has chosen and rejected: preference data are not supported; write the preferred answer as completion, or as the last of messages"
      : "has none of the fields messages; conversations; instruction and output; prompt and completion; or text: its format cannot be detected (set format, or columns if the fields have other names)",
  );
}

/** The entries of `columns` that a format does not have. */
export function strayColumns({ columns }: Pick<DataFile, "columns">, format: NamedFormat): string[] {
  const fields: readonly string[] = formatFields[format];
  return Object.keys(columns).filter((field) => !fields.includes(field));
}

/** Reads a row in a format and records its columns. Throws `RowError`. */
export function readExample(row: unknown, { format, columns }: RowFormat, seen = new ColumnsSeen()): Example {
  const fields = new RowFields(row, columns);
  refuseFields(fields, format);
  const inner = new ColumnsSeen();
  const example = exampleOf(fields, format, columns, inner);
  seen.addAll(fields.names());
  seen.addAll(inner.columns);
  return example;
}

function exampleOf(fields: RowFields, format: NamedFormat, columns: Columns, seen: ColumnsSeen): Example {
  switch (format) {
    case "Messages":
      return openAi(fields, columns, seen);
    case "ShareGPT":
      return shareGpt(fields, columns, seen);
    case "Alpaca":
      return alpaca(fields);
    case "PromptCompletion":
      return promptCompletion(fields, columns, seen);
    case "Text":
      return { kind: "text", text: fields.filledText("text") };
  }
}

const list = z.array(z.unknown()).min(1).max(1024);

/** The elements of a list, which a table holds as JSON text, with some of their members renamed. */
function renamed(given: unknown, field: string, names: Readonly<Record<string, string>>): unknown[] {
  const elements = check(list, unwritten(given, field), field);
  const changes = Object.entries(names).filter(([name, own]) => name !== own);
  if (changes.length === 0) return elements;
  return elements.map((element) => (isRow(element) ? renamedMembers(element, changes) : element));
}

function renamedMembers(row: Row, changes: readonly [name: string, own: string][]): Row {
  const owned = new Set(changes.map(([, own]) => own));
  return {
    ...Object.fromEntries(Object.entries(row).filter(([name]) => !owned.has(name))),
    ...Object.fromEntries(changes.map(([name, own]) => [name, ownMember(row, own)])),
  };
}

function openAi(fields: RowFields, { role = "role", content = "content" }: Columns, seen: ColumnsSeen): Example {
  const turns = renamed(fields.get("messages"), "messages", { role, content });
  const { messages, untrained } = readerOf(turns)(turns, "messages", seen);
  return conversation(messages, { system: systemOf(fields), tools: toolsOf(fields.get("tools")), untrained });
}

function shareGpt(fields: RowFields, { from = "from", value = "value" }: Columns, seen: ColumnsSeen): Example {
  const turns = renamed(fields.get("conversations"), "conversations", { from, value });
  const { messages, untrained } = readerOf(turns)(turns, "conversations", seen);
  const tools = toolsOf(fields.get("tools")).map(wrappedTool);
  return conversation(messages, { system: systemOf(fields), tools, untrained });
}

/**
 * Files have OpenAI's turns, {role, content}, in ShareGPT's list, ShareGPT's, {from, value}, in OpenAI's, and mixtures of
 * both names.
 */
function readerOf(turns: readonly unknown[]): typeof messagesOf {
  const isShareGpt = turns.some((turn) => isRow(turn) && (turn.from !== undefined || turn.value !== undefined));
  return isShareGpt ? turnsOf : messagesOf;
}

const earlierTurns = z
  .array(z.tuple([longText, longText], { error: "must be a question and its answer, both texts" }))
  .max(512)
  .nullish();

/**
 * Instruction and input, with a blank line between them, are the question; earlier questions and answers precede it.
 */
function alpaca(fields: RowFields): Example {
  const instruction = fields.filledText("instruction");
  const input = fields.optionalText("input");
  const output = fields.filledText("output");
  const given = unwritten(fields.get("history"), "history");
  const history = isEmpty(given) ? [] : (check(earlierTurns, given, "history") ?? []);
  const turn = (question: string, answer: string): Message[] => [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ];
  return conversation(
    [
      ...history.flatMap(([question, answer]) => turn(question, answer)),
      ...turn(input === "" ? instruction : `${instruction}\n\n${input}`, output),
    ],
    { system: systemOf(fields), tools: toolsOf(fields.get("tools")).map(wrappedTool) },
  );
}

/** Two texts, or two lists of messages: then the prompt is context, and the completion's answers are trained. */
function promptCompletion(fields: RowFields, columns: Columns, seen: ColumnsSeen): Example {
  const [prompt, completion] = [fields.get("prompt"), fields.get("completion")];
  if (!Array.isArray(prompt) && !Array.isArray(completion)) {
    if (!isEmpty(fields.member(columns.tools ?? "tools"))) {
      throw new RowError("tools: are for conversations; write prompt and completion as lists of messages");
    }
    return { kind: "promptCompletion", prompt: fields.text("prompt"), completion: fields.filledText("completion") };
  }
  const { role = "role", content = "content" } = columns;
  const [context, answer] = (["prompt", "completion"] as const).map((field) => {
    const given = fields.get(field);
    if (!Array.isArray(given)) throw new RowError(`${field}: must be a list of messages too, or both must be texts`);
    return messagesOf(renamed(given, field, { role, content }), field, seen);
  });
  const asked = context!.messages;
  if (asked.at(-1)!.role === "assistant") {
    throw new RowError(
      "prompt: ends with the assistant's message, which the completion would continue; write the whole answer as the completion",
    );
  }
  if (!answer!.messages.some((message) => message.role === "assistant")) {
    throw new RowError("completion: has no message of the assistant");
  }
  const untrained = [...context!.untrained, ...answer!.untrained.map((index) => asked.length + index)];
  const tools = toolsOf(fields.get("tools"));
  return { ...conversation([...asked, ...answer!.messages], { tools, untrained }), context: asked.length };
}

const systemOf = (fields: RowFields) => fields.optionalText("system");

interface Beside {
  /** "": none. */
  system?: string;
  tools?: readonly JsonObject[];
  untrained?: readonly number[];
}

/** Throws `RowError` where two system messages contradict each other. */
function conversation(
  given: readonly Message[],
  { system = "", tools = [], untrained = [] }: Beside,
): Extract<Example, { kind: "messages" }> {
  const [first] = given;
  if (system !== "" && first?.role === "system" && first.content !== system) {
    throw new RowError("system: differs from the system message at the start of the conversation; keep one of them");
  }
  const added = system !== "" && first?.role !== "system" ? 1 : 0;
  const messages: readonly Message[] = added === 1 ? [{ role: "system", content: system }, ...given] : given;
  return {
    kind: "messages",
    messages,
    ...(tools.length > 0 && { tools }),
    ...(untrained.length > 0 && { untrained: untrained.map((index) => index + added) }),
  };
}
