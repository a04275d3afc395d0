/**
 * The base model's training text: reads the public-domain corpora (demo/corpora) and writes text.jsonl ({text})
 * and chat.jsonl ({messages}). It uses only the train split of the e-mails and writes no label of them.
 * The same packages give the same bytes.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { corpusDirectory } from "../corpora/corpora.ts";
import { normaliseSpace } from "../data/clean.ts";
import { mailAsText, splitOf } from "../data/example.ts";
import { type LabelledMail, readMailCorpus } from "../data/mails.ts";
import {
  type ChatDocument,
  centuryOfSpeech,
  continuation,
  kindOfText,
  opening,
  passages,
  subjectLine,
  type TextDocument,
} from "./passages.ts";

interface Documents {
  text: TextDocument[];
  chat: ChatDocument[];
}

/** Characters of a text in a question about it; the length of an e-mail of the data set. */
const shownCharacters = 600;

async function readTexts(directory: string, wanted: RegExp): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(directory)).filter((name) => wanted.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      name,
      text: normaliseSpace(await readFile(path.join(directory, name), "utf8")).replace(/\n/g, " "),
    })),
  );
}

/** Uses every second passage of each address, because with all of them the share of the e-mails would be small. */
async function speeches(): Promise<Documents> {
  const directory = path.join(await corpusDirectory("sotu"), "data");
  const all = (await readTexts(directory, /^\d{4}_.*\.txt$/)).flatMap(({ name, text }) =>
    passages(text).flatMap((passage, index) => (index % 2 === 0 ? { year: Number(name.slice(0, 4)), passage } : [])),
  );
  const chat = all.flatMap(({ year, passage }, index) => {
    const shown = opening(passage, shownCharacters);
    if (index % 4 === 0) return continuation("speech", passage);
    if (index % 4 === 2) return [index % 8 === 2 ? kindOfText("speech", shown) : centuryOfSpeech(year, shown)];
    return [];
  });
  return { text: all.map(({ passage }) => ({ text: passage })), chat };
}

async function novel(): Promise<Documents> {
  const directory = path.join(await corpusDirectory("moby-dick"), "data");
  const all = (await readTexts(directory, /^(?:chapter_\d+|epilogue)\.txt$/)).flatMap(({ text }) => passages(text));
  const chat = all.flatMap((passage, index) =>
    index % 2 === 0 ? continuation("novel", passage) : [kindOfText("novel", opening(passage, shownCharacters))],
  );
  return { text: all.map((passage) => ({ text: passage })), chat };
}

function emails(mails: readonly LabelledMail[]): Documents {
  const train = mails.filter(({ digest }) => splitOf(digest) === "train").map(({ mail }) => mail);
  const chat = train.flatMap((mail, index) => [
    ...subjectLine(mail.subject, mail.body),
    ...(index % 2 === 0 ? continuation("e-mail", mailAsText(mail)) : []),
    ...(index % 4 === 1 ? [kindOfText("e-mail", mailAsText(mail))] : []),
  ]);
  return { text: train.map((mail) => ({ text: mailAsText(mail) })), chat };
}

async function writeLines(file: string, documents: readonly (TextDocument | ChatDocument)[]): Promise<void> {
  await writeFile(file, documents.map((document) => `${JSON.stringify(document)}\n`).join(""));
}

/** Writes text.jsonl and chat.jsonl into `directory`, which exists. */
export async function writeCorpus(directory: string): Promise<void> {
  const parts = [await speeches(), await novel(), emails((await readMailCorpus()).mails)];
  await writeLines(
    path.join(directory, "text.jsonl"),
    parts.flatMap(({ text }) => text),
  );
  await writeLines(
    path.join(directory, "chat.jsonl"),
    parts.flatMap(({ chat }) => chat),
  );
}
