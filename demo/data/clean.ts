/**
 * Cleans a message's subject and visible text for the model. Pure.
 * Replaces e-mail addresses (truncated ones too), links, telephone numbers, network and postal addresses and long
 * identifiers by neutral tokens such as [email]. Invariants: quoted lines, signatures and mailing-list footers are removed;
 * at most one line break between lines; the excerpt ends at a word.
 */
import type { MailText } from "./mail.ts";

/** Characters of body shown: about 200 tokens of the demo's tokenizer. */
export const bodyCharacters = 600;
const subjectCharacters = 120;

const neutralTokens: readonly [RegExp, string][] = [
  [/\b(?:https?|ftp|mailto|news):[^\s<>"')]+/gi, "[url]"],
  [/\bwww\.[^\s<>"')]+/gi, "[url]"],
  [/[\w.+=%-]+@(?:[\w-]+(?:\.[\w-]+)*|(?=[\s*,;:>)]|$))/g, "[email]"],
  [
    /\b(?:[a-z0-9-]+\.)+(?:com|net|org|edu|gov|info|biz|co\.uk|ie|de|fr|cn|kr|ru)(?:\/[^\s<>"')]*)?(?![\w.])/gi,
    "[url]",
  ],
  [/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, "[address]"],
  [/(?<![\w$])(?:\+?\d{1,3}[ .-]?)?(?:\(\d{2,4}\)|\d{3})[ .-]?\d{3,4}[ .-]\d{3,4}(?:[ .-]\d{2,5})*(?!\w)/g, "[phone]"],
  // A number after one of these words is a telephone number, however its digits are grouped.
  [/\b(tele?phone|tel|tlf|phone|ph|fax|mobile|cell)\b(\s?[:.=]?\s?)[ (+]*\d[\d ()+./-]{3,}\d/gi, "$1$2[phone]"],
  // House number and street; post-office box; town, state and ZIP code; British postcode.
  [
    /\b\d{1,5}(?:-\d{1,3})?,? (?:(?:\d{1,3}(?:st|nd|rd|th)|[A-Z][\w.]*) ){1,3}?(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Drive|Lane|Court|Way)\b\.?/g,
    "[address]",
  ],
  [/\bp\. ?o\. ?box \d+/gi, "[address]"],
  [/\b[A-Z][a-z]+(?: [A-Z][a-z]+)?,? ?[A-Z]{2},? \d{5}(?:-\d{4})?\b/g, "[address]"],
  [/\b[A-Z]{1,2}\d{1,2}[A-Z]? \d[A-Z]{2}\b/g, "[address]"],
  [/\b(?=[a-z_-]*\d)[\da-z_-]{16,}\b/gi, "[id]"],
  [/\b[0-9a-f]{8}(?:-?[0-9a-f]{4,})+\b/gi, "[id]"],
  [/\b\d{7,}\b/g, "[id]"],
  [/\S{40,}/g, "[id]"],
];

export function neutralise(text: string): string {
  const replaced = neutralTokens.reduce((rest, [pattern, token]) => rest.replace(pattern, token), text);
  return replaced.replace(/(\[(?:url|email|phone|id|address)\])(?:[\s,;:<>()]*\1)+/g, "$1");
}

const quoted = /^\s*(?:[>|:#]|\w{1,3}>)/;
const replyLine =
  /^(?:.*\b(?:wrote|writes|said|schrieb|écrit)\s*:|(?:from|to|cc|sent|date|url|message-id|reply-to|hash|version)\s*:.*|-{2,}\s*original message.*|-+ ?begin pgp signed.*)$/i;
/** Start of the text that mailing lists and free mail services append to the sender's message. */
const footerStart =
  /^(?:-- ?|-+ ?begin pgp signature.*|_{20,}|-{3,}.*yahoo! groups sponsor.*|yahoo! groups sponsor.*|.*to unsubscribe from this group.*|this (?:sf\.net )?e-?mail is sponsored by.*|welcome to geek heaven.*|-*(?:deathtospam)+.*|.*\bmailing list|irish linux users' group.*|chat with friends online.*|get your free download of msn.*|do you yahoo!\?.*|--- you are receiving this mail because.*)$/i;

/** The sender's own text, without quotations, signature and the additions of list software. */
function ownWords(body: string): string {
  const lines = body.replace(/\r\n?/g, "\n").split("\n");
  const footer = lines.findIndex((line, index) => index > 0 && footerStart.test(line.trim()));
  const written = footer > 0 ? lines.slice(0, footer) : lines;
  return written.filter((line) => !quoted.test(line) && !replyLine.test(line.trim())).join("\n");
}

/** Unifies compatibility forms and typographic variants, removes controls, and shortens long runs of one mark. */
export function normaliseSpace(text: string): string {
  return text
    .replace(/ï¿½/g, "") // a replacement character decoded once too often, before the corpus was packaged
    .normalize("NFKC")
    .replace(/[‘’`´]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[\u00ad\u200b-\u200f\u2060\ufeff\ufffd]/g, "")
    .replace(/[^\P{C}\n]/gu, " ")
    .replace(/([^\w\s])(?:[^\S\n]*\1){3,}/g, "$1$1$1")
    .replace(/[^\S\n]+/g, " ")
    .replace(/^[^\p{L}\p{N}]+$/gmu, "")
    .replace(/ ?\n\s*/g, "\n")
    .trim();
}

/** The first `limit` characters at most, cut at the end of a word. */
export function excerpt(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const cut = text.slice(0, limit + 1).replace(/\s+\S*$/, "");
  return (cut.length <= limit ? cut : cut.slice(0, limit)).trimEnd();
}

/** Removes reply marks and list names in square brackets, which show who forwarded a message. */
function cleanSubject(subject: string): string {
  const bare = subject.replace(
    /^(?:\s*(?:(?:re|fwd?|aw)(?:\[\d+\])?\s*:|\[[^\]]{1,40}\]|\{[^}]{1,40}\}|\*+\w+\*+))+/i,
    "",
  );
  return excerpt(neutralise(normaliseSpace(bare)).replace(/\n/g, " "), subjectCharacters);
}

export function cleanMail(mail: MailText): MailText {
  const body = neutralise(normaliseSpace(ownWords(mail.body)));
  return { subject: cleanSubject(mail.subject), body: excerpt(body, bodyCharacters) };
}

export type Exclusion = "too little text" | "not text" | "not English";

/** The reason to exclude a cleaned message, or undefined. The base model reads only English, so other scripts are excluded. */
export function exclusion(mail: MailText): Exclusion | undefined {
  const text = `${mail.subject} ${mail.body}`;
  const visible = text.replace(/\s/g, "");
  const share = (pattern: RegExp) => (visible.match(pattern)?.length ?? 0) / Math.max(1, visible.length);
  if ((mail.body.match(/[A-Za-z]{2,}/g)?.length ?? 0) < 8)
    return share(/[^\x20-\x7e]/g) > 0.1 ? "not English" : "too little text";
  if (share(/[^\x20-\x7e]/g) > 0.1) return "not English";
  return share(/[A-Za-z]/g) < 0.6 ? "not text" : undefined;
}
