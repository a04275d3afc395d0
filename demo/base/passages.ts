/**
 * Texts as training examples of the base model: passages of a bounded length, and chats made from them. Pure.
 * Invariants: a passage ends at the end of a sentence if possible; no chat mentions spam or ham, which only the fine-tuned
 * model learns.
 */

export interface TextDocument {
  text: string;
}

export interface ChatDocument {
  messages: [{ role: "user"; content: string }, { role: "assistant"; content: string }];
}

/** About 400 tokens, so that a passage fits a row of 512. */
const passageCharacters = 1500;

/** Whole sentences, joined up to `limit` characters; a longer sentence is cut at words. */
export function passages(text: string, limit: number = passageCharacters): string[] {
  const out: string[] = [];
  let current = "";
  for (const sentence of text.split(/(?<=[.!?]["')]?)\s+/).flatMap((part) => pieces(part, limit))) {
    if (current !== "" && current.length + 1 + sentence.length > limit) {
      out.push(current);
      current = "";
    }
    current = current === "" ? sentence : `${current} ${sentence}`;
  }
  if (current !== "") out.push(current);
  return out;
}

function pieces(sentence: string, limit: number): string[] {
  const out: string[] = [];
  let rest = sentence.trim();
  while (rest.length > limit) {
    const space = rest.lastIndexOf(" ", limit);
    const end = space > 0 ? space : limit;
    out.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return rest === "" ? out : [...out, rest];
}

export function chat(question: string, answer: string): ChatDocument {
  return {
    messages: [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
  };
}

/** Splits the text at the word nearest to its middle; undefined for fewer than two words. */
export function halves(text: string): [string, string] | undefined {
  const space = text.indexOf(" ", Math.floor(text.length / 2));
  return space < 0 ? undefined : [text.slice(0, space), text.slice(space + 1)];
}

export function continuation(kind: string, text: string): ChatDocument[] {
  const parts = halves(text);
  return parts ? [chat(`Continue this ${kind}.\n\n${parts[0]}`, parts[1])] : [];
}

/** The first sentences of `text`, within `limit` characters. */
export function opening(text: string, limit: number): string {
  return passages(text, limit)[0] ?? "";
}

export type Kind = "e-mail" | "speech" | "novel";

export function kindOfText(kind: Kind, text: string): ChatDocument {
  return chat(`What kind of text is this?\n\n${text}`, kind);
}

export function centuryOfSpeech(year: number, text: string): ChatDocument {
  return chat(
    `In which century was this speech given?\n\n${text}`,
    `${Math.floor((year - 1) / 100) + 1}th`.replace("21th", "21st"),
  );
}

export function subjectLine(subject: string, body: string): ChatDocument[] {
  return subject === "" ? [] : [chat(`Write a subject line for this e-mail.\n\n${body}`, subject)];
}
