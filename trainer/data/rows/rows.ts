/**
 * Converts a JSON row to an example, in each supported format: OpenAI's messages, ShareGPT, Alpaca, prompt and
 * completion, text; preferences.ts reads those of preferences. A row that does not fit is an error with its reason, never a
 * guess; an unread column is reported. Pure.
 */
import type { DataFile } from "../../contract/effective.ts";
import type { DataForm } from "../../contract/objective.ts";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import { formatFields } from "../../contract/settingsRules.ts";
import { alpaca } from "./alpaca.ts";
import { ColumnsSeen } from "./columnsSeen.ts";
import { type Example, RowError } from "./example.ts";
import { labelled } from "./labelled.ts";
import { toolsOf, wrappedTool } from "./messages.ts";
import { preference, preferenceFormat } from "./preferences.ts";
import { promptCompletion } from "./promptCompletion.ts";
import { refuseFields } from "./refusedFields.ts";
import { isEmpty, RowFields } from "./rowFields.ts";
import { conversation, readTurns } from "./turns.ts";

/** How to read the rows of a file. */
export interface RowFormat {
  readonly format: NamedFormat;
  readonly columns: Columns;
}

/**
 * The format of a file by the fields that a row of it has; of several, the first of: messages; conversations; instruction
 * and output; prompt and completion; text. Where an objective learns from preferences, that of theirs. Throws `RowError`
 * for a row with none of them.
 */
export function detectFormat(row: unknown, columns: Columns = {}, form: DataForm = "Examples"): NamedFormat {
  const fields = new RowFields(row, columns);
  if (form !== "Examples") return preferenceFormat(fields, form);
  if (fields.has("messages")) return "Messages";
  if (fields.has("conversations")) return "ShareGPT";
  if (fields.has("instruction", "output")) return "Alpaca";
  if (fields.has("prompt", "completion")) return "PromptCompletion";
  if (fields.has("text")) return "Text";
  const isPreference = !isEmpty(fields.member("chosen")) && !isEmpty(fields.member("rejected"));
  throw new RowError(
    isPreference
      ? "has chosen and rejected: set training.objective to DPO, ORPO or KTO to learn from preferences, or write the preferred answer as completion, or as the last of messages"
      : `${fieldsOf(fields)} none of messages; conversations; instruction and output; prompt and completion; or text: its format cannot be detected (${columnsFor(fields) ?? "set format, or columns if the fields have other names"})`,
  );
}

/** Usual names of a question, of its answer, of a list of turns and of a text. */
const usualNames = {
  prompt: ["prompt", "question", "query", "instruction", "input", "source", "user", "problem"],
  completion: ["completion", "answer", "response", "output", "target", "assistant", "solution", "label"],
  conversations: ["conversation", "dialog", "dialogue", "chat", "turns", "message"],
  text: ["content", "document", "body", "article"],
} as const;

/** The setting with which a row that has fields of usual names can be read. */
function columnsFor(fields: RowFields): string | undefined {
  const named = (field: keyof typeof usualNames, holds: (value: unknown) => boolean) =>
    usualNames[field].find((name) => holds(fields.member(name)));
  const isText = (value: unknown) => typeof value === "string" && value !== "";
  const turns = named("conversations", (value) => Array.isArray(value) && value.length > 0);
  if (turns !== undefined) return `set columns: {conversations: ${turns}}`;
  const [prompt, completion] = [named("prompt", isText), named("completion", isText)];
  if (prompt !== undefined && completion !== undefined) {
    const changes = Object.entries({ prompt, completion }).filter(([field, name]) => field !== name);
    return `set columns: {${changes.map(([field, name]) => `${field}: ${name}`).join(", ")}}, or instruction and output for a conversation`;
  }
  const text = named("text", isText);
  return text === undefined ? undefined : `set columns: {text: ${text}}`;
}

function isExample(row: unknown): boolean {
  try {
    detectFormat(row);
    return true;
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    return false;
  }
}

const shownFields = 5;

/** The fields that a row has instead of those of a format, and the list of rows that may be in one of them. */
function fieldsOf(fields: RowFields): string {
  const seen = new ColumnsSeen();
  seen.addAll(fields.names());
  const names = seen.columns.ignored;
  const list = names.find((name) => {
    const member = fields.member(name);
    return Array.isArray(member) && isExample(member[0]);
  });
  if (list !== undefined)
    return `has its objects in the list ${JSON.stringify(list)}: make that list the whole file, or write one of its objects per line; the object itself has`;
  if (names.length === 0) return "has";
  const more = names.length > shownFields ? ", …" : "";
  return `has the fields ${names.slice(0, shownFields).join(", ")}${more}, but`;
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
    case "Preference":
      return preference(fields, columns, seen);
    case "Labelled":
      return labelled(fields, columns, seen);
  }
}

function openAi(fields: RowFields, columns: Columns, seen: ColumnsSeen): Example {
  const { messages, untrained } = readTurns(fields.get("messages"), "messages", columns, seen);
  return conversation(messages, {
    system: fields.optionalText("system"),
    tools: toolsOf(fields.get("tools")),
    untrained,
  });
}

function shareGpt(fields: RowFields, columns: Columns, seen: ColumnsSeen): Example {
  const { messages, untrained } = readTurns(fields.get("conversations"), "conversations", columns, seen);
  const tools = toolsOf(fields.get("tools")).map(wrappedTool);
  return conversation(messages, { system: fields.optionalText("system"), tools, untrained });
}
