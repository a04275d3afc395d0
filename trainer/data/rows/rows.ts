/**
 * Converts a JSON row to an example, in each supported format: OpenAI's messages, ShareGPT, Alpaca, prompt and
 * completion, text; preferences.ts reads those of preferences. A row that does not fit is an error with its reason, never a
 * guess; an unread column is reported. Pure.
 */
import { z } from "zod";
import type { DataFile } from "../../contract/effective.ts";
import type { DataForm } from "../../contract/objective.ts";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import { formatFields } from "../../contract/settingsRules.ts";
import { ColumnsSeen } from "./columnsSeen.ts";
import { type Example, type Message, RowError } from "./example.ts";
import { toolsOf, wrappedTool } from "./messages.ts";
import { labelOf, preference, preferenceFormat } from "./preferences.ts";
import { promptCompletion } from "./promptCompletion.ts";
import { refuseFields } from "./refusedFields.ts";
import { check, isEmpty, longText, RowFields, unwritten } from "./rowFields.ts";
import { conversation, readerOf, renamed } from "./turns.ts";

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
      : `${fieldsOf(fields)} none of messages; conversations; instruction and output; prompt and completion; or text: its format cannot be detected (set format, or columns if the fields have other names)`,
  );
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
      return { kind: "labelled", answered: promptCompletion(fields, columns, seen), isWanted: labelOf(fields) };
  }
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

const systemOf = (fields: RowFields) => fields.optionalText("system");
