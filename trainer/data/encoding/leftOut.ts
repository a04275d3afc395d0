/**
 * What a chat template leaves out of a conversation. An answer without its calls of tools, or without the thoughts in it,
 * is another one: that is an error. Descriptions of tools and thoughts in fields of their own are named. Pure.
 */

import { type Conversation, type Message, RowError } from "../rows/example.ts";
import { otherTemplate } from "../template/chatTemplate.ts";

/** Throws `RowError` where the `written` answer has not all that the message says. */
export function requireWritten({ content, tool_calls = [] }: Message, at: string, written: string): void {
  for (const [index, call] of tool_calls.entries()) {
    if (written.includes(call.function.name)) continue;
    throw new RowError(
      `${at}.tool_calls[${index}]: the base model's chat template leaves it out, so it would not be learnt; ${otherTemplate}`,
    );
  }
  const thoughts = thoughtsIn(content ?? "");
  if (thoughts === "" || written.includes(thoughts)) return;
  throw new RowError(
    `${at}.content: the base model's chat template leaves out what is thought before </think>, so it would not be learnt; ${otherTemplate}`,
  );
}

/** What is thought before the answer, as templates that write it again take it out. */
function thoughtsIn(content: string): string {
  const [before = "", ...rest] = content.split("</think>");
  return rest.length === 0 ? "" : (before.split("<think>").at(-1) ?? "").trim();
}

/** Whether the `written` answer has what the message says after its thoughts. */
export function says({ content }: Message, written: string): boolean {
  return written.includes(((content ?? "").split("</think>").at(-1) ?? "").trim());
}

interface WrittenAnswer {
  readonly message: Message;
  readonly rendered: string;
  readonly start: number;
  readonly end: number;
}

/** Names of the fields that do not reach the answers: no tool in any context, no thought in its own answer. */
export function leftOut({ tools = [] }: Conversation, answers: readonly WrittenAnswer[]): string[] {
  const names: string[] = [];
  const toolNames = tools.map(nameOf).filter((name) => name !== undefined);
  const isWritten = (name: string) => answers.some(({ rendered, start }) => rendered.slice(0, start).includes(name));
  if (toolNames.length > 0 && !toolNames.some(isWritten)) names.push("tools (not in the chat template)");
  const thinks = ({ message, rendered, start, end }: WrittenAnswer) =>
    rendered.slice(start, end).includes((message.reasoning_content ?? "").trim());
  if (!answers.every(thinks)) names.push("reasoning (not in the chat template)");
  const isSaid = ({ message, rendered, start, end }: WrittenAnswer) =>
    message.tool_calls === undefined || says(message, rendered.slice(start, end));
  if (!answers.every(isSaid)) names.push("content beside tool calls (not in the chat template)");
  return names;
}

function nameOf(tool: NonNullable<Conversation["tools"]>[number]): string | undefined {
  const described = tool.function ?? tool;
  if (typeof described !== "object" || described === null || !("name" in described)) return undefined;
  return typeof described.name === "string" ? described.name : undefined;
}
