/** A prompt and its completion: two texts, or two lists of messages, of which the first is the context. Pure. */
import type { Columns } from "../../contract/settings.ts";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Answered, type JsonObject, RowError } from "./example.ts";
import { toolsOf } from "./messages.ts";
import { isEmpty, type RowFields } from "./rowFields.ts";
import type { ReadMessages } from "./speakers.ts";
import { conversation, readTurns, unwrittenTurns } from "./turns.ts";

/** Two texts, or two lists of messages: then the prompt is context, and the completion's answers are trained. */
export function promptCompletion(fields: RowFields, columns: Columns, seen: ColumnsSeen): Answered {
  const given = [fields.get("prompt"), fields.get("completion")];
  const unwritten = given.map((value) => unwrittenTurns(value, columns));
  if (!given.some(Array.isArray) && !unwritten.every(Array.isArray)) {
    refuseTools(fields, columns, "prompt and completion");
    return { kind: "promptCompletion", prompt: fields.text("prompt"), completion: fields.filledText("completion") };
  }
  const [context, answer] = (["prompt", "completion"] as const).map((field, index) => {
    const turns = unwritten[index];
    if (!Array.isArray(turns)) throw new RowError(`${field}: must be a list of messages too, or both must be texts`);
    return readTurns(turns, field, columns, seen);
  });
  return answered(context!, answer!, toolsOf(fields.get("tools")), "completion");
}

/** Texts have no tools. */
export function refuseTools(fields: RowFields, columns: Columns, names: string): void {
  if (isEmpty(fields.member(columns.tools ?? "tools"))) return;
  throw new RowError(`tools: are for conversations; write ${names} as lists of messages`);
}

/** The conversation of a context and its answer, which is the row's `field`. */
export function answered(
  context: ReadMessages,
  answer: ReadMessages,
  tools: readonly JsonObject[],
  field: string,
): Answered {
  const asked = context.messages;
  if (asked.at(-1)?.role === "assistant") {
    throw new RowError(
      `prompt: ends with the assistant's message, which the ${field} would continue; write the whole answer as the ${field}`,
    );
  }
  if (!answer.messages.some((message) => message.role === "assistant")) {
    throw new RowError(`${field}: has no message of the assistant`);
  }
  const untrained = [...context.untrained, ...answer.untrained.map((index) => asked.length + index)];
  return { ...conversation([...asked, ...answer.messages], { tools, untrained }), context: asked.length };
}
