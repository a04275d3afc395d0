/**
 * How a row of JSON becomes an example, in each of the formats that people have: OpenAI's messages, ShareGPT, Alpaca,
 * prompt and completion, text. A row that does not fit is an error with its reason, never a guess. Pure.
 */
import { z } from "zod";
import type { DataFile } from "../../contract/effective.ts";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import { formatFields } from "../../contract/settingsRules.ts";
import { type Example, type JsonObject, type Message, RowError } from "./example.ts";
import { messagesOf, toolCallsOf, toolsOf } from "./messages.ts";

/** How the rows of a file are read. */
export interface RowFormat {
  readonly format: NamedFormat;
  readonly columns: Columns;
}

type Row = Readonly<Record<string, unknown>>;

/** The format's fields of a row, by the format's names. */
type Fields = (field: keyof Columns) => unknown;

/**
 * The format of a file by the fields that a row of it has; of several, the first of: messages; conversations; instruction
 * and output; prompt and completion; text. Throws `RowError` for a row that has none of them.
 */
export function detectFormat(row: unknown, columns: Columns = {}): NamedFormat {
  const field = fieldsOf(rowOf(row), columns);
  const has = (...names: (keyof Columns)[]) => names.every((name) => field(name) !== undefined);
  if (has("messages")) return "Messages";
  if (has("conversations")) return "ShareGPT";
  if (has("instruction", "output")) return "Alpaca";
  if (has("prompt", "completion")) return "PromptCompletion";
  if (has("text")) return "Text";
  throw new RowError(
    "has none of the fields messages; conversations; instruction and output; prompt and completion; or text: its format cannot be detected (set format, or columns where the fields are called otherwise)",
  );
}

/** The columns that rows of a format do not have. */
export function strayColumns({ columns }: Pick<DataFile, "columns">, format: NamedFormat): string[] {
  const fields: readonly string[] = formatFields[format];
  return Object.keys(columns).filter((field) => !fields.includes(field));
}

/** Reads a row in a format. Throws `RowError`. */
export function readExample(row: unknown, { format, columns }: RowFormat): Example {
  const fields = fieldsOf(rowOf(row), columns);
  switch (format) {
    case "Messages":
      return openAi(fields, columns);
    case "ShareGPT":
      return shareGpt(fields, columns);
    case "Alpaca":
      return alpaca(fields);
    case "PromptCompletion":
      return {
        kind: "promptCompletion",
        prompt: text(fields, "prompt"),
        completion: filled(text(fields, "completion"), "completion"),
      };
    case "Text":
      return { kind: "text", text: filled(text(fields, "text"), "text") };
  }
}

function rowOf(row: unknown): Row {
  if (isRow(row)) return row;
  throw new RowError("is not a JSON object");
}

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);

/** Own members alone: a column that is called toString is a column. */
function fieldsOf(row: Row, columns: Columns): Fields {
  return (field) => {
    const name = columns[field] ?? field;
    return Object.hasOwn(row, name) ? row[name] : undefined;
  };
}

const longText = z.string().max(16_777_216);
const textOrNone = longText.nullish();
const turnList = z.array(z.unknown()).min(1).max(1024);

function text(fields: Fields, field: keyof Columns): string {
  return check(longText, fields(field), field);
}

/** Absent, null and "" are the same here: Alpaca's rows write a missing input in all three ways. */
function optionalText(fields: Fields, field: keyof Columns): string {
  return check(textOrNone, fields(field), field) ?? "";
}

function filled(value: string, field: string): string {
  if (value === "") throw new RowError(`${field}: is empty`);
  return value;
}

function check<T>(schema: z.ZodType<T>, value: unknown, field: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new RowError(`${[field, ...issue.path].join(".")}: ${issue.message}`);
}

function openAi(fields: Fields, columns: Columns): Example {
  const { role = "role", content = "content" } = columns;
  const { messages, untrained } = messagesOf(renamed(fields("messages"), "messages", { role, content }));
  return conversation(messages, fields("tools"), untrained);
}

/** The elements of a list with some of their members under other names. */
function renamed(list: unknown, field: string, names: Readonly<Record<string, string>>): unknown[] {
  const elements = check(turnList, list, field);
  const changes = Object.entries(names).filter(([name, own]) => name !== own);
  if (changes.length === 0) return elements;
  return elements.map((element) => {
    if (!isRow(element)) return element;
    return { ...element, ...Object.fromEntries(changes.map(([name, own]) => [name, ownMember(element, own)])) };
  });
}

const ownMember = (row: Row, name: string) => (Object.hasOwn(row, name) ? row[name] : undefined);

/** Who speaks, in ShareGPT's words and in those of the tool-calling sets that grew from it. */
const speakers: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
  function_call: "assistant",
  tool: "tool",
  observation: "tool",
};

const turn = z.object({ from: z.string().max(64), value: longText });

function shareGpt(fields: Fields, columns: Columns): Example {
  const { from = "from", value = "value" } = columns;
  const turns = renamed(fields("conversations"), "conversations", { from, value }).map((element, index) =>
    check(turn, element, `conversations.${index}`),
  );
  const messages = turns.map((said, index): Message => spoken(said, index));
  const system = optionalText(fields, "system");
  if (system !== "" && messages[0]?.role === "system") {
    throw new RowError("system: the conversation begins with a system message of its own");
  }
  return conversation([...systemMessage(system), ...messages], fields("tools"));
}

function spoken({ from, value }: z.infer<typeof turn>, index: number): Message {
  const role = Object.hasOwn(speakers, from) ? speakers[from] : undefined;
  if (role === undefined) {
    throw new RowError(
      `conversations.${index}.from: ${JSON.stringify(from)} is none of ${Object.keys(speakers).join(", ")}`,
    );
  }
  if (from !== "function_call") return { role, content: value };
  return { role, content: null, tool_calls: toolCallsOf(value, `conversations.${index}.value`) };
}

/** Instruction and input are the question, a blank line between them. */
function alpaca(fields: Fields): Example {
  const instruction = filled(text(fields, "instruction"), "instruction");
  const input = optionalText(fields, "input");
  const output = filled(text(fields, "output"), "output");
  return conversation([
    ...systemMessage(optionalText(fields, "system")),
    { role: "user", content: input === "" ? instruction : `${instruction}\n\n${input}` },
    { role: "assistant", content: output },
  ]);
}

const systemMessage = (content: string): Message[] => (content === "" ? [] : [{ role: "system", content }]);

function conversation(messages: readonly Message[], given?: unknown, untrained: readonly number[] = []): Example {
  const tools: readonly JsonObject[] = toolsOf(given);
  return {
    kind: "messages",
    messages,
    ...(tools.length > 0 && { tools }),
    ...(untrained.length > 0 && { untrained }),
  };
}
