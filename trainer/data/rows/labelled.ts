/**
 * Rows of KTO: a prompt with one answer and a label that says whether the answer is wanted. They are rows of prompt and
 * completion, conversations whose last message is the answer, or Alpaca's. Pure.
 */
import type { Columns } from "../../contract/settings.ts";
import { questionOf, refuseWithoutInstruction } from "./alpaca.ts";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Answered, type Example, JsonFloat, RowError } from "./example.ts";
import { toolsBeside } from "./messages.ts";
import { answered, promptCompletion } from "./promptCompletion.ts";
import { isEmpty, type RowFields } from "./rowFields.ts";
import { contextOf, withSystem } from "./turns.ts";

/** LLaMA-Factory's name of the label. */
const otherLabel = "kto_tag";

export const hasLabel = (fields: RowFields) => fields.has("label") || !isEmpty(fields.member(otherLabel));

/** Whether a row has a prompt and an answer in one of the forms. */
export const hasJudged = (fields: RowFields) =>
  fields.has("prompt", "completion") ||
  fields.has("instruction", "output") ||
  fields.has("conversations") ||
  fields.has("messages");

export const labelled = (
  fields: RowFields,
  columns: Columns,
  seen: ColumnsSeen,
): Extract<Example, { kind: "labelled" }> => ({
  kind: "labelled",
  answered: judged(fields, columns, seen),
  isWanted: labelOf(fields),
});

function judged(fields: RowFields, columns: Columns, seen: ColumnsSeen): Answered {
  if (isEmpty(fields.get("completion")) && fields.has("instruction")) {
    const context = withSystem({ messages: questionOf(fields), untrained: [] }, fields.optionalText("system"));
    const answer = { messages: [{ role: "assistant", content: fields.filledText("output") }], untrained: [] };
    return answered(context, answer, toolsBeside(fields), "output");
  }
  refuseWithoutInstruction(fields);
  const turns = isEmpty(fields.get("completion")) ? contextOf(fields, columns, seen) : undefined;
  if (turns === undefined) {
    if (!isEmpty(fields.get("system")))
      throw new RowError("system: write it as the first message of prompt, a list of messages");
    return promptCompletion(fields, columns, seen);
  }
  const last = turns.messages.length - 1;
  if (turns.messages[last]?.role !== "assistant")
    throw new RowError("the conversation must end with the assistant's answer, which the label judges");
  const context = { messages: turns.messages.slice(0, last), untrained: [] };
  const answer = { messages: turns.messages.slice(last), untrained: [] };
  return answered(withSystem(context, fields.optionalText("system")), answer, toolsBeside(fields), "answer");
}

/** Whether an answer is wanted; tables hold a label as text. */
function labelOf(fields: RowFields): boolean {
  const given = fields.has("label") ? fields.get("label") : fields.readMember(otherLabel);
  const value = given instanceof JsonFloat ? given.value : given;
  const written = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (written === true || written === 1 || written === "true" || written === "1") return true;
  if (written === false || written === 0 || written === "false" || written === "0") return false;
  if (!hasLabel(fields)) throw new RowError("label: is missing; it is true or false: whether the answer is wanted");
  const name = fields.has("label") ? "label" : otherLabel;
  throw new RowError(`${name}: must be true or false: whether the answer is wanted`);
}
