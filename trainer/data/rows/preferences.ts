/**
 * Rows of preferences: a prompt with a chosen and a rejected answer, and for KTO a prompt with an answer and its label.
 * Answers are texts or lists of messages. Lists may contain the prompt: then it is the messages that both begin with. Pure.
 */
import type { DataForm } from "../../contract/objective.ts";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Answered, type Example, JsonFloat, type Message, RowError } from "./example.ts";
import { type ReadMessages, toolsOf } from "./messages.ts";
import { answered, refuseTools } from "./promptCompletion.ts";
import { isEmpty, isRow, type RowFields } from "./rowFields.ts";
import { readerOf, renamed, unwrittenTurns } from "./turns.ts";

/** The format of a row that an objective of preferences learns from. Throws `RowError` for any other row. */
export function preferenceFormat(fields: RowFields, form: Exclude<DataForm, "Examples">): NamedFormat {
  if (fields.has("chosen", "rejected")) return "Preference";
  if (form === "Pairs") {
    throw new RowError(
      "has no chosen and rejected, which training.objective learns from: write both answers (columns names fields of other names), or set the objective to Supervised",
    );
  }
  if (fields.has("prompt", "completion", "label")) return "Labelled";
  throw new RowError(
    "has neither prompt, completion and label nor chosen and rejected, which training.objective KTO learns from: write them (columns names fields of other names), or set the objective to Supervised",
  );
}

type Preference = Extract<Example, { kind: "preference" }>;

export function preference(fields: RowFields, columns: Columns, seen: ColumnsSeen): Preference {
  const { role = "role", content = "content" } = columns;
  const sides = [fields.get("chosen"), fields.get("rejected")];
  const areTexts = sides.every(isText) && sides.some((side) => isText(unwrittenTurns(side, { role, content })));
  const pair = areTexts ? texts(fields, columns) : conversations(fields, columns, seen);
  refuseSame(pair.chosen, pair.rejected);
  return { kind: "preference", ...pair };
}

function refuseSame(chosen: unknown, rejected: unknown): void {
  if (JSON.stringify(chosen) !== JSON.stringify(rejected)) return;
  throw new RowError("chosen and rejected are the same answer, so that neither is preferred: remove the row");
}

type Pair = Pick<Preference, "chosen" | "rejected">;

const isText = (value: unknown): value is string => typeof value === "string";

function texts(fields: RowFields, columns: Columns): Pair {
  refuseTools(fields, columns, "prompt, chosen and rejected");
  if (isEmpty(fields.get("prompt")))
    throw new RowError("prompt: is missing; write the text that both answers follow, apart from them");
  const prompt = fields.text("prompt");
  const of = (field: "chosen" | "rejected"): Answered => ({
    kind: "promptCompletion",
    prompt,
    completion: fields.filledText(field),
  });
  return { chosen: of("chosen"), rejected: of("rejected") };
}

function conversations(fields: RowFields, columns: Columns, seen: ColumnsSeen): Pair {
  const { role = "role", content = "content" } = columns;
  const read = (field: "prompt" | "chosen" | "rejected"): ReadMessages => {
    const given = unwrittenTurns(fields.get(field), { role, content });
    // A single answer may be written without its list.
    const turns = isRow(given) ? [given] : given;
    if (!Array.isArray(turns))
      throw new RowError(`${field}: must be a list of messages, as the other answer is, or both must be texts`);
    const named = renamed(turns, field, { role, content });
    return readerOf(named)(named, field, seen);
  };
  const tools = toolsOf(fields.get("tools"));
  const [chosen, rejected] = [read("chosen"), read("rejected")];
  const given = unwrittenTurns(fields.get("prompt"), { role, content });
  const shared = isText(given) || isEmpty(given) ? sharedPrompt(chosen, rejected, given) : undefined;
  const context = shared === undefined ? read("prompt") : part(chosen, 0, shared);
  const of = (side: ReadMessages, field: "chosen" | "rejected"): Answered => {
    if (shared !== undefined) return answered(context, part(side, shared), tools, field);
    if (commonLength(side.messages, context.messages) === context.messages.length)
      throw new RowError(`${field}: begins with the messages of prompt again; remove them there, or remove prompt`);
    return answered(context, side, tools, field);
  };
  return { chosen: of(chosen, "chosen"), rejected: of(rejected, "rejected") };
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

/** Whether an answer is wanted; tables hold a label as text. */
export function labelOf(fields: RowFields): boolean {
  const given = fields.get("label");
  const value = given instanceof JsonFloat ? given.value : given;
  const written = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (written === true || written === 1 || written === "true" || written === "1") return true;
  if (written === false || written === 0 || written === "false" || written === "0") return false;
  throw new RowError("label: must be true or false: whether the answer is wanted");
}
