/**
 * Reads the subject and the visible text of one message of the corpus (RFC 5322 with MIME).
 * No other header leaves this file: paths, servers and mailing-list headers would reveal the answer.
 */
import PostalMime from "postal-mime";
import { htmlToText, looksLikeHtml } from "./html.ts";

export interface MailText {
  subject: string;
  body: string;
}

/** The text part if it has content, else the HTML part as text; "" if the message has neither. */
export async function readMail(raw: string): Promise<MailText> {
  // The corpus is in mbox form: a "From " line before the headers is the mailbox's, not the message's.
  const mail = await PostalMime.parse(raw.replace(/^From [^\n]*\n/, ""));
  const plain = mail.text ?? "";
  const text = looksLikeHtml(plain) ? htmlToText(plain) : plain;
  const body = /\w.*\w.*\w/s.test(text) ? text : htmlToText(mail.html ?? "");
  return { subject: mail.subject ?? "", body };
}
