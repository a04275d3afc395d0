/**
 * Rows of preferences: a prompt with a chosen and a rejected answer. The prompt is a text, a list of messages, or an
 * instruction as Alpaca has it; the answers are texts or messages. Lists may contain the prompt: then it is the messages that
 * both begin with. Pure.
 */
import type { DataForm } from "../../contract/objective.ts";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import { questionOf, refuseWithoutInstruction } from "./alpaca.ts";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Answered, type Example, type Message, RowError } from "./example.ts";
import { hasJudged, hasLabel } from "./labelled.ts";
import { toolsBeside } from "./messages.ts";
import { answered, refuseTools } from "./promptCompletion.ts";
import { isEmpty, isRow, type RowFields } from "./rowFields.ts";
import type { ReadMessages } from "./speakers.ts";
import { contextOf, readTurns, unwrittenTurns, withSystem } from "./turns.ts";

/** The format of a row that an objective of preferences learns from. Throws `RowError` for any other row. */
export function preferenceFormat(fields: RowFields, form: Exclude<DataForm, "Examples">): NamedFormat {
  if (fields.has("chosen", "rejected")) return "Preference";
  if (form === "Pairs") {
    throw new RowError(
      "has no chosen and rejected, which training.objective learns from: write both answers (columns names fields of other names), or set the objective to Supervised",
    );
  }
  if (hasLabel(fields) && hasJudged(fields)) return "Labelled";
  throw new RowError(
    "has neither an answer with its label (prompt, completion and label; or a conversation, or instruction and output, with label or kto_tag) nor chosen and rejected, which training.objective KTO learns from: write them (columns names fields of other names), or set the objective to Supervised",
  );
}

type Preference = Extract<Example, { kind: "preference" }>;
type Pair = Pick<Preference, "chosen" | "rejected">;
const sides = ["chosen", "rejected"] as const;
type Side = (typeof sides)[number];

export function preference(fields: RowFields, columns: Columns, seen: ColumnsSeen): Preference {
  const pair = pairOf(fields, columns, seen);
  refuseSame(pair.chosen, pair.rejected);
  return { kind: "preference", ...pair };
}

function refuseSame(chosen: unknown, rejected: unknown): void {
  if (JSON.stringify(chosen) !== JSON.stringify(rejected)) return;
  throw new RowError("chosen and rejected are the same answer, so that neither is preferred: remove the row");
}

const isText = (value: unknown): value is string => typeof value === "string";

function pairOf(fields: RowFields, columns: Columns, seen: ColumnsSeen): Pair {
  const given = sides.map((side) => unwrittenTurns(fields.get(side), columns));
  const areTexts = sides.every((side) => isText(fields.get(side))) && given.some(isText);
  const read = (side: Side) => {
    const value = given[sides.indexOf(side)];
    return areTexts ? textAnswer(fields, side) : turnsIn(value, side, columns, seen);
  };
  const hasPrompt = !isEmpty(fields.get("prompt"));
  if (!hasPrompt && fields.has("instruction"))
    return withContext(fields, { messages: questionOf(fields), untrained: [] }, read);
  refuseWithoutInstruction(fields);
  if (!hasPrompt) {
    const [first] = areTexts ? [] : read("chosen").messages;
    const context = areTexts || first?.role === "assistant" ? contextOf(fields, columns, seen) : undefined;
    if (context !== undefined) return withContext(fields, context, read);
  }
  return areTexts ? texts(fields, columns) : conversations(fields, columns, seen, read);
}

/** An answer as a text behind a conversation. */
const textAnswer = (fields: RowFields, side: Side): ReadMessages => ({
  messages: [{ role: "assistant", content: fields.filledText(side) }],
  untrained: [],
});

function turnsIn(given: unknown, field: "prompt" | Side, columns: Columns, seen: ColumnsSeen): ReadMessages {
  // A single answer may be written without its list.
  const turns = isRow(given) ? [given] : given;
  if (!Array.isArray(turns))
    throw new RowError(`${field}: must be a list of messages, as the other answer is, or both must be texts`);
  return readTurns(turns, field, columns, seen);
}

/** Answers of a context that is apart from them. */
function withContext(fields: RowFields, given: ReadMessages, read: (side: Side) => ReadMessages): Pair {
  const context = withSystem(given, fields.optionalText("system"));
  const tools = toolsBeside(fields);
  const of = (field: Side): Answered => {
    const side = read(field);
    if (commonLength(side.messages, given.messages) === given.messages.length)
      throw new RowError(`${field}: begins with the messages of prompt again; remove them there, or remove prompt`);
    return answered(context, side, tools, field);
  };
  return { chosen: of("chosen"), rejected: of("rejected") };
}

function texts(fields: RowFields, columns: Columns): Pair {
  refuseTools(fields, columns, "prompt, chosen and rejected");
  if (!isEmpty(fields.get("system")))
    throw new RowError(
      "system: is for conversations; name the prompt's field in columns.instruction, which makes the texts a conversation",
    );
  if (isEmpty(fields.get("prompt")))
    throw new RowError("prompt: is missing; write the text that both answers follow, apart from them");
  const prompt = fields.text("prompt");
  const of = (field: Side): Answered => ({ kind: "promptCompletion", prompt, completion: fields.filledText(field) });
  return { chosen: of("chosen"), rejected: of("rejected") };
}

function conversations(
  fields: RowFields,
  columns: Columns,
  seen: ColumnsSeen,
  read: (side: Side) => ReadMessages,
): Pair {
  const given = unwrittenTurns(fields.get("prompt"), columns);
  if (!isText(given) && !isEmpty(given)) return withContext(fields, turnsIn(given, "prompt", columns, seen), read);
  const [chosen, rejected] = [read("chosen"), read("rejected")];
  const shared = sharedPrompt(chosen, rejected, given);
  const context = withSystem(part(chosen, 0, shared), fields.optionalText("system"));
  const tools = toolsBeside(fields);
  return {
    chosen: answered(context, part(chosen, shared), tools, "chosen"),
    rejected: answered(context, part(rejected, shared), tools, "rejected"),
  };
}

/** The number of messages before the first one in which both sides differ. */
function sharedPrompt(chosen: ReadMessages, rejected: ReadMessages, prompt: unknown): number {
  refuseSame(chosen.messages, rejected.messages);
  const shared = commonLength(chosen.messages, rejected.messages);
  const first = [chosen.messages[shared], rejected.messages[shared]];
  if (shared === 0 || first.some((message) => message?.role !== "assistant")) {
    throw new RowError(
      "chosen and rejected must begin with the same messages and then each have an answer of the assistant, or prompt must hold the messages before both",
    );
  }
  const asked = chosen.messages.slice(0, shared);
  if (isText(prompt) && prompt !== "" && !asked.some((message) => message.content?.trim() === prompt.trim())) {
    throw new RowError(
      "prompt: differs from every message that chosen and rejected begin with; remove it, or write it as a list of messages and both answers alone",
    );
  }
  return shared;
}

function commonLength(a: readonly Message[], b: readonly Message[]): number {
  const differs = a.findIndex((message, index) => JSON.stringify(message) !== JSON.stringify(b[index]));
  return differs < 0 ? a.length : differs;
}

const part = ({ messages, untrained }: ReadMessages, start: number, end = messages.length): ReadMessages => ({
  messages: messages.slice(start, end),
  untrained: untrained.filter((index) => index >= start && index < end).map((index) => index - start),
});
