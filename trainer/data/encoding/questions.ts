/** Examples as questions: the tokens of a prompt up to the start of the answer, and the reference answer. */
import { type Conversation, type Example, RowError } from "../rows/example.ts";
import type { Codec } from "./codec.ts";
import { requireTemplate } from "./pieces.ts";

export interface Question {
  /** Tokens up to the start of the answer. */
  prompt: number[];
  /** Tokens that the template writes between the prompt and the reference, if an added token ends them. */
  opening?: number[];
  reference: string;
}

/** A held-out example as a question and its answer. Rejects with `RowError` if there is no answer. */
export async function questionOf(example: Example, codec: Codec): Promise<Question> {
  switch (example.kind) {
    case "preference":
      return await questionOf(example.chosen, codec);
    case "labelled":
      if (!example.isWanted) throw new RowError("its answer is labelled as not wanted: there is no reference");
      return await questionOf(example.answered, codec);
    case "text":
      throw new RowError("is plain text: an evaluation needs a conversation or a prompt and its completion");
    case "promptCompletion": {
      const { tokenizer } = codec;
      const ids = await tokenizer.encode(example.prompt);
      const leading = ids[0] === tokenizer.leadingIds.at(-1) ? tokenizer.leadingIds.slice(0, -1) : tokenizer.leadingIds;
      return { prompt: [...leading, ...ids], reference: withoutEnd(example.completion, codec) };
    }
    case "messages": {
      const { messages, tools } = example;
      const last = messages.at(-1)!;
      if (last.role !== "assistant") {
        throw new RowError("its last message is not the assistant's: there is no reference");
      }
      if (last.content === null || (last.content === "" && last.tool_calls))
        throw new RowError("its last answer calls tools: there is no text to compare with");
      const asked = { messages: messages.slice(0, -1), ...(tools && { tools }) };
      return {
        prompt: await encodePrompt(asked, codec),
        ...(isOpened(asked, last.content, codec) && { opening: [...codec.opening!.ids] }),
        reference: withoutEnd(last.content, codec),
      };
    }
  }
}

/** A conversation up to the start of the assistant's answer. Rejects with `RowError`. */
export async function encodePrompt(conversation: Conversation, codec: Codec): Promise<number[]> {
  return await codec.tokenizer.encode(requireTemplate(codec).render(conversation, true));
}

/** Whether the template writes its opening before this answer; not before one that has thoughts in its text. */
function isOpened(asked: Conversation, content: string, { template, opening }: Codec): boolean {
  if (!template || !opening) return false;
  const answered = { ...asked, messages: [...asked.messages, { role: "assistant", content }] };
  const begin = template.render(asked, true) + opening.text;
  return template.tryRender(answered, false)?.startsWith(begin) === true;
}

/** A generated answer ends before its end token, so the reference does too. */
function withoutEnd(reference: string, { tokenizer, endIds }: Codec): string {
  const written = reference.trimEnd();
  const ends = tokenizer.addedTexts.filter((text) => endIds.has(tokenizer.idOf(text) ?? -1));
  const end = ends.find((text) => written.endsWith(text));
  return end === undefined ? reference : written.slice(0, -end.length);
}
