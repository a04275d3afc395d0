/**
 * The text that a chat template writes between its generation prompt and every answer, where a token ends it: the empty thoughts of
 * Qwen 3, the channel of gpt-oss. The model learns to write it, but it is no part of the answer's own text.
 */
import type { ChatTemplate } from "../template/chatTemplate.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { answer, question, renderedAnswer } from "./probe.ts";

export interface Opening {
  readonly text: string;
  readonly ids: readonly number[];
  /** The last added token in it. */
  readonly id: number;
}

/** Undefined when the template writes nothing there, or no added token. */
export async function openingOf(template: ChatTemplate, tokenizer: Tokenizer): Promise<Opening | undefined> {
  const prompt = template.tryRender({ messages: [question] }, true);
  const turn = renderedAnswer(template);
  if (prompt === undefined || turn?.startsWith(prompt) !== true) return undefined;
  const at = turn.indexOf(answer, prompt.length);
  if (at <= prompt.length) return undefined;
  const text = turn.slice(prompt.length, at);
  const added = new Set(tokenizer.addedTexts.map((content) => tokenizer.idOf(content)));
  const ids = await tokenizer.encode(text);
  const id = ids.findLast((one) => added.has(one));
  return id === undefined ? undefined : { text, ids, id };
}

/** The tokens after the last opening among them; all where there is none. */
export const withoutOpening = (ids: readonly number[], { id }: Opening): readonly number[] =>
  ids.slice(ids.lastIndexOf(id) + 1);
