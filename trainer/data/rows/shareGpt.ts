/**
 * Turns in ShareGPT's form, {from, value}, also under OpenAI's names, with the calls and results of tools as the
 * tool-calling sets that grew from it write them. Pure.
 */
import { z } from "zod";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { RowError } from "./example.ts";
import { isUntrained, lossFlags, noteMembers, toolCallsOf } from "./messages.ts";
import { check, isEmpty, isRow, longText, ownMember, type Row } from "./rowFields.ts";
import { messagesOfTurns, type ReadMessages, type ReadTurn, speakerOf } from "./speakers.ts";

const turn = z.object({
  from: z.string().max(64),
  value: longText,
  tool_calls: z
    .custom<unknown>(isEmpty, { error: "is of OpenAI's form: write every turn with role and content" })
    .optional(),
  ...lossFlags,
});
/** OpenAI's names of the same members. */
const otherNames = { from: "role", value: "content" } as const;

/** Reads the turns of a row and records their unread members. Throws `RowError` that names turn and member. */
export function turnsOf(given: readonly unknown[], field: string, seen: ColumnsSeen): ReadMessages {
  const turns = given.map((element, index): ReadTurn => {
    const at = `${field}.${index}`;
    if (!isRow(element)) throw new RowError(`${at}: must be an object with from and value, or role and content`);
    const named = underOwnNames(element, at);
    const checked = check(turn, named, at);
    noteMembers(named, turn.shape, field, seen);
    const { from, value } = checked;
    const speaker = speakerOf(from, `${at}.from`);
    const isCall = speaker === "call";
    const message = isCall
      ? {
          role: "assistant",
          content: "",
          tool_calls: toolCallsOf(value, { at: `${at}.value`, field: `${field}[].value`, seen }),
        }
      : { role: speaker, content: value };
    return { message, isCall, isUntrained: isUntrained(checked) };
  });
  return messagesOfTurns(turns, field);
}

function underOwnNames(element: Row, at: string): Row {
  const members = { ...element };
  for (const [own, other] of Object.entries(otherNames)) {
    const [first, second] = [ownMember(element, own), ownMember(element, other)];
    if (second === undefined || second === null) continue;
    if (first !== undefined && first !== null && first !== second) {
      throw new RowError(`${at}: has both ${own} and ${other}, which differ; keep one of them`);
    }
    members[own] = second;
    delete members[other];
  }
  return members;
}
