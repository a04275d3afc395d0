/**
 * Turns in ShareGPT's form, {from, value}, also under OpenAI's names, with the calls and results of tools as the
 * tool-calling sets that grew from it write them. Pure.
 */
import { z } from "zod";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Message, RowError } from "./example.ts";
import { isUntrained, lossFlags, noteMembers, type ReadMessages, toolCallsOf } from "./messages.ts";
import { check, isEmpty, isRow, longText, ownMember, type Row } from "./rowFields.ts";

/** The role of each speaker. */
const speakers: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  human: "user",
  user: "user",
  input: "user",
  gpt: "assistant",
  assistant: "assistant",
  model: "assistant",
  bot: "assistant",
  chatgpt: "assistant",
  output: "assistant",
  function_call: "assistant",
  tool: "tool",
  observation: "tool",
  function_response: "tool",
};

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
  const untrained: number[] = [];
  const messages = given.map((element, index): Message => {
    const at = `${field}.${index}`;
    const named = isRow(element) ? underOwnNames(element, at) : element;
    const checked = check(turn, named, at);
    if (isUntrained(checked)) untrained.push(index);
    noteMembers(named, turn.shape, field, seen);
    return spoken(checked, at);
  });
  return { messages, untrained };
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

function spoken({ from, value }: z.infer<typeof turn>, at: string): Message {
  const speaker = from.trim().toLowerCase().replaceAll("-", "_");
  const role = Object.hasOwn(speakers, speaker) ? speakers[speaker] : undefined;
  if (role === undefined) throw new RowError(`${at}.from: must be one of ${Object.keys(speakers).join(", ")}`);
  if (speaker !== "function_call") return { role, content: value };
  return { role, content: "", tool_calls: toolCallsOf(value, `${at}.value`) };
}
