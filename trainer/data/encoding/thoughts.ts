/**
 * The tokens between which a chat template writes the thoughts before an answer: `<think>` and `</think>` of Qwen 3, the headers of
 * the channels `analysis` and `final` of gpt-oss. They are found by a rendered conversation; no template is known by name. Pure.
 */
import type { ChatTemplate } from "../template/chatTemplate.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Opening } from "./opening.ts";
import { answer, question } from "./probe.ts";

export interface Thoughts {
  /** From the first added token before the thoughts to the last one. */
  readonly begin: readonly number[];
  /** The same between the thoughts and the answer. */
  readonly end: readonly number[];
}

/** A word that no template changes or contains. */
const thought = "Thought5c1d";

/** Undefined when the template writes no thoughts, or no added tokens around them. */
export async function thoughtsOf(template: ChatTemplate, tokenizer: Tokenizer): Promise<Thoughts | undefined> {
  const prompt = template.tryRender({ messages: [question] }, true);
  const reply = { role: "assistant", content: answer, reasoning_content: thought };
  const turn = template.tryRender({ messages: [question, reply] }, false);
  if (prompt === undefined || turn?.startsWith(prompt) !== true) return undefined;
  const at = turn.indexOf(thought, prompt.length);
  const answerAt = turn.indexOf(answer, at);
  if (at < 0 || answerAt < 0) return undefined;
  const begin = await between(turn.slice(prompt.length, at), tokenizer);
  const end = await between(turn.slice(at + thought.length, answerAt), tokenizer);
  return begin.length === 0 || end.length === 0 ? undefined : { begin, end };
}

/** The tokens of a text from its first added one to its last. */
async function between(text: string, tokenizer: Tokenizer): Promise<readonly number[]> {
  const added = new Set(tokenizer.addedTexts.map((content) => tokenizer.idOf(content)));
  const ids = await tokenizer.encode(text);
  const first = ids.findIndex((id) => added.has(id));
  return first < 0 ? [] : ids.slice(first, ids.findLastIndex((id) => added.has(id)) + 1);
}

export interface SpokenParts {
  readonly thoughts: readonly number[];
  readonly answer: readonly number[];
}

/** Divides the tokens of a generated answer, so far as it is known to which part they belong. */
export function spokenParts(
  ids: readonly number[],
  { opening, thoughts }: { readonly opening: Opening | undefined; readonly thoughts: Thoughts | undefined },
): SpokenParts {
  if (opening && begins(ids, opening.ids)) return { thoughts: [], answer: ids.slice(opening.ids.length) };
  const marks = [opening?.ids, thoughts?.begin];
  if (marks.some((mark) => mark && begins(mark, ids))) return { thoughts: [], answer: [] };
  if (!thoughts || !begins(ids, thoughts.begin)) return { thoughts: [], answer: ids };
  const { begin, end } = thoughts;
  const at = ids.findIndex((_, index) => index >= begin.length && begins(ids, end, index));
  if (at >= 0) return { thoughts: ids.slice(begin.length, at), answer: ids.slice(at + end.length) };
  // The last tokens may begin the end of the thoughts.
  let tail = Math.max(begin.length, ids.length - end.length);
  while (tail < ids.length && !begins(end, ids.slice(tail))) tail++;
  return { thoughts: ids.slice(begin.length, tail), answer: [] };
}

/** Whether `ids` has `start` from index `at` on. */
const begins = (ids: readonly number[], start: readonly number[], at = 0): boolean =>
  at + start.length <= ids.length && start.every((id, index) => id === ids[at + index]);
