/**
 * Turns in ShareGPT's form, {from, value}, with the calls and results of tools as the tool-calling sets that grew from it
 * write them. Pure.
 */
import { z } from "zod";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Message, RowError } from "./example.ts";
import { isUntrained, lossFlags, noteMembers, type ReadMessages, toolCallsOf } from "./messages.ts";
import { check, longText } from "./rowFields.ts";

/** Maps each speaker to a role. */
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

const turn = z.object({ from: z.string().max(64), value: longText, ...lossFlags });

/** Reads the turns of a row and records unread members. Throws a `RowError` that names turn and member. */
export function turnsOf(given: readonly unknown[], field: string, seen: ColumnsSeen): ReadMessages {
  const untrained: number[] = [];
  const messages = given.map((element, index): Message => {
    const said = check(turn, element, `${field}.${index}`);
    if (isUntrained(said)) untrained.push(index);
    noteMembers(element, turn.shape, field, seen);
    return spoken(said, `${field}.${index}`);
  });
  return { messages, untrained };
}

function spoken({ from, value }: z.infer<typeof turn>, at: string): Message {
  const role = Object.hasOwn(speakers, from) ? speakers[from] : undefined;
  if (role === undefined) throw new RowError(`${at}.from: must be one of ${Object.keys(speakers).join(", ")}`);
  if (from !== "function_call") return { role, content: value };
  return { role, content: "", tool_calls: toolCallsOf(value, `${at}.value`) };
}
