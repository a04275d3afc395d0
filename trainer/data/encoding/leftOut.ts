/**
 * Detects the parts of a conversation that a chat template omits. An omitted tool call, or omitted thoughts inside an
 * answer, change the answer and are an error. Omitted tool descriptions, separate thought fields, names and whole roles are
 * reported. Pure.
 */

import { type Conversation, type Message, RowError } from "../rows/example.ts";
import { otherTemplate } from "../template/chatTemplate.ts";

/** Throws `RowError` when the `written` answer lacks a part of the message. */
export function requireWritten({ content, tool_calls = [] }: Message, at: string, written: string): void {
  for (const [index, call] of tool_calls.entries()) {
    if (written.includes(call.function.name)) continue;
    throw new RowError(
      `${at}.tool_calls[${index}]: the base model's chat template omits it, so it would not be trained; ${otherTemplate}`,
    );
  }
  const thoughts = thoughtsIn(content ?? "");
  if (thoughts === "" || written.includes(thoughts)) return;
  throw new RowError(
    `${at}.content: the base model's chat template omits the thoughts before </think>, so they would not be trained; ${otherTemplate}`,
  );
}

/** The thoughts before the answer, as templates that write them again extract them. */
function thoughtsIn(content: string): string {
  const [before = "", ...rest] = content.split("</think>");
  return rest.length === 0 ? "" : (before.split("<think>").at(-1) ?? "").trim();
}

/** Whether the `written` answer has the message's text after its thoughts. */
export function isContentWritten({ content }: Message, written: string): boolean {
  return written.includes(((content ?? "").split("</think>").at(-1) ?? "").trim());
}

interface WrittenAnswer {
  readonly message: Message;
  readonly rendered: string;
  readonly start: number;
  readonly end: number;
}

/** Names of the fields that the template omits: tools in every context, thoughts in their own answer, roles before the last one. */
export function leftOut({ tools = [], messages }: Conversation, answers: readonly WrittenAnswer[]): string[] {
  const names: string[] = [];
  const toolNames = tools.map(nameOf).filter((name) => name !== undefined);
  const isWritten = (name: string) => answers.some(({ rendered, start }) => rendered.slice(0, start).includes(name));
  if (toolNames.length > 0 && !toolNames.some(isWritten)) names.push("tools (not in the chat template)");
  const keepsThoughts = ({ message, rendered, start, end }: WrittenAnswer) =>
    rendered.slice(start, end).includes((message.reasoning_content ?? "").trim());
  if (!answers.every(keepsThoughts)) names.push("reasoning (not in the chat template)");
  const keepsContent = ({ message, rendered, start, end }: WrittenAnswer) =>
    message.tool_calls === undefined || isContentWritten(message, rendered.slice(start, end));
  if (!answers.every(keepsContent)) names.push("content beside tool calls (not in the chat template)");
  const last = answers.at(-1);
  return last === undefined ? names : [...names, ...rolesLeftOut(messages, last)];
}

/** The roles of messages before an answer, and the names of speakers, of which the rendering has no word. */
function rolesLeftOut(messages: readonly Message[], { message: answer, rendered }: WrittenAnswer): string[] {
  const before = messages.slice(0, messages.indexOf(answer));
  // A template treats all messages of a role alike, so one of each tells.
  const roles = new Map(before.toReversed().map((message) => [message.role, message.content ?? ""]));
  roles.delete("assistant");
  const omitted = [...roles].filter(([, content]) => !rendered.includes(tellingWord(content))).map(([role]) => role);
  const named = before.find(({ role, name }) => role !== "tool" && name !== undefined)?.name ?? "";
  return [
    ...omitted.toReversed().map((role) => `messages of the role ${role} (not in the chat template)`),
    ...(rendered.includes(tellingWord(named)) ? [] : ["names of speakers (not in the chat template)"]),
  ];
}

/** The longest word of a text, which no template escapes. */
const tellingWord = (text: string): string =>
  text
    .slice(0, wordsWithin)
    .split(/[^\p{L}\p{N}]+/u)
    .reduce((longest, word) => (word.length > longest.length ? word : longest), "");

/** Characters of a message in which its longest word is looked for. */
const wordsWithin = 4096;

function nameOf(tool: NonNullable<Conversation["tools"]>[number]): string | undefined {
  const described = tool.function ?? tool;
  if (typeof described !== "object" || described === null || !("name" in described)) return undefined;
  return typeof described.name === "string" ? described.name : undefined;
}
