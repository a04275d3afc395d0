/**
 * One message of the corpus (RFC 5322 with MIME) to its subject and its visible text.
 * No header but the subject leaves this file: paths, servers and mailing-list headers would decide the task by themselves.
 */
import PostalMime from "postal-mime";
import { htmlToText, looksLikeHtml } from "./html.ts";

export interface MailText {
  subject: string;
  body: string;
}

/** The text part where there is one worth reading, else the HTML part as text; "" when the message holds neither. */
export async function readMail(raw: string): Promise<MailText> {
  // The corpus is in mbox form: a "From " line before the headers is the mailbox's, not the message's.
  const mail = await PostalMime.parse(raw.replace(/^From [^\n]*\n/, ""));
  const plain = mail.text ?? "";
  const text = looksLikeHtml(plain) ? htmlToText(plain) : plain;
  const body = /\w.*\w.*\w/s.test(text) ? text : htmlToText(mail.html ?? "");
  return { subject: mail.subject ?? "", body };
}
