/**
 * Finds how a chat template ends an answer by rendering one: the text after the answer, such as `<|im_end|>` and a line
 * feed in ChatML. This distinguishes the end of a turn from the same token inside an answer.
 */
import type { JsonObject, Message } from "../rows/example.ts";
import type { ChatTemplate } from "../template/chatTemplate.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { answer, question, renderedAnswer } from "./probe.ts";

export interface TurnEnd {
  /** The text that the template writes after an answer. */
  readonly text: string;
  /** Length of `text` up to and including the token that ends the turn. */
  readonly length: number;
  /** That token. */
  readonly id: number;
}

/** A call by which templates of Mistral, too, are rendered: they require an id of nine letters and digits. */
const calling: Message = {
  role: "assistant",
  content: "",
  tool_calls: [{ id: "call00001", type: "function", function: { name: answer, arguments: { a: "b" } } }],
};
const tool: JsonObject = {
  type: "function",
  function: { name: answer, description: "d", parameters: { type: "object", properties: { a: { type: "string" } } } },
};

/** Undefined when the template writes no token after an answer, or cannot render a plain question with its answer. */
export function turnEndOf(template: ChatTemplate, tokenizer: Tokenizer): TurnEnd | undefined {
  const rendered = renderedAnswer(template) ?? "";
  const at = rendered.lastIndexOf(answer);
  if (at < 0) return undefined;
  const text = rendered.slice(at + answer.length);
  const found = firstOf([...tokenizer.specialTexts], text) ?? firstOf(tokenizer.addedTexts, text);
  const id = found && tokenizer.idOf(found.content);
  return found === undefined || id === undefined ? undefined : { text, length: found.end, id };
}

/** The token that ends an answer which calls a tool: the special one that only white space follows. Undefined as above. */
export function callEndOf(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  turnEnd: TurnEnd | undefined,
): number | undefined {
  const rendered = template.tryRender({ messages: [question, calling], tools: [tool] }, false);
  if (rendered === undefined || !rendered.includes(answer)) return undefined;
  if (turnEnd && rendered.endsWith(turnEnd.text)) return undefined;
  const written = rendered.trimEnd();
  const ends = [...tokenizer.specialTexts].filter((text) => written.endsWith(text));
  const longest = ends.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : tokenizer.idOf(longest);
}

/** The content that occurs first in a text; of those at the same place, the longest. */
function firstOf(contents: readonly string[], text: string): { content: string; end: number } | undefined {
  const found = contents.map((content) => ({ content, at: text.indexOf(content) })).filter(({ at }) => at >= 0);
  const [first] = found.sort((a, b) => a.at - b.at || b.content.length - a.content.length);
  return first && { content: first.content, end: first.at + first.content.length };
}
