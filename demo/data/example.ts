/**
 * Turns a cleaned message into a chat example, and chooses its split. Pure.
 * Only the text decides the split, so that it does not depend on the order, the sample or the release.
 */
import { createHash } from "node:crypto";
import { normalisedText } from "./duplicates.ts";
import type { MailText } from "./mail.ts";

export type Label = "spam" | "ham";
export const splits = ["train", "validation", "test"] as const;
export type Split = (typeof splits)[number];

export interface ChatExample {
  messages: [{ role: "user"; content: string }, { role: "assistant"; content: Label }];
}

export function mailAsText(mail: MailText): string {
  return `Subject: ${mail.subject}\n\n${mail.body}`;
}

export function chatExample(mail: MailText, label: Label): ChatExample {
  return {
    messages: [
      { role: "user", content: `Is this e-mail spam or ham?\n\n${mailAsText(mail)}` },
      { role: "assistant", content: label },
    ],
  };
}

/** SHA-256, in hexadecimal, of the normalised text. */
export function textDigest(mail: MailText): string {
  return createHash("sha256")
    .update(normalisedText(mailAsText(mail)))
    .digest("hex");
}

/** The digest's first 8 hexadecimal digits modulo 100: 0–79 train, 80–84 validation, 85–99 test. */
export function splitOf(digest: string): Split {
  const bucket = Number.parseInt(digest.slice(0, 8), 16) % 100;
  if (bucket < 80) return "train";
  return bucket < 85 ? "validation" : "test";
}

/**
 * Keeps as many ham as spam, in the order of their digests: the first of the larger class. Guessing one class is then right
 * half of the time, so that the model's contribution is visible.
 */
export function balanced<T extends { label: Label; digest: string }>(mails: readonly T[]): T[] {
  const byDigest = mails.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const left: Record<Label, number> = { spam: 0, ham: 0 };
  for (const { label } of mails) left[label]++;
  left.spam = left.ham = Math.min(left.spam, left.ham);
  return byDigest.filter(({ label }) => left[label]-- > 0);
}
