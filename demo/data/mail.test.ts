import assert from "node:assert/strict";
import { test } from "node:test";
import { htmlToText, looksLikeHtml } from "./html.ts";
import { readMail } from "./mail.ts";

const message = (headers: string[], body: string) =>
  `From someone Thu Aug 22 12:36:23 2002\n${headers.join("\n")}\n\n${body}`;

test("only the subject is kept of the headers", async () => {
  const raw = message(["From: jane@example.org", "List-Id: talk", "Subject: Lunch"], "At noon?\n");
  assert.deepEqual(await readMail(raw), { subject: "Lunch", body: "At noon?\n" });
});

test("an encoded subject and a quoted-printable body are decoded", async () => {
  const headers = [
    "Subject: =?iso-8859-1?Q?Caf=E9?=",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
  ];
  const mail = await readMail(message(headers, "na=C3=AFve =\nwords\n"));
  assert.equal(mail.subject, "Café");
  assert.equal(mail.body.trim(), "naïve words");
});

test("the text part of a multipart message is preferred to the HTML part", async () => {
  const parts =
    "--x\nContent-Type: text/plain\n\nplain words\n--x\nContent-Type: text/html\n\n<p>marked words</p>\n--x--\n";
  const mail = await readMail(message(["Content-Type: multipart/alternative; boundary=x"], parts));
  assert.equal(mail.body.trim(), "plain words");
});

test("HTML declared as plain text is read as HTML", async () => {
  const mail = await readMail(message(["Content-Type: text/plain"], "<html><body><b>Buy</b> now</body></html>"));
  assert.equal(mail.body.trim(), "Buy now");
  assert.equal(looksLikeHtml("if a < b and c > d"), false);
});

test("an HTML part loses markup, scripts, styles and comments; entities are decoded and blocks keep their lines", () => {
  const html =
    "<style>p{}</style><script>x()</script><!-- z --><p>Fish &amp;\n chips</p><p><a href='http://t'>here</a></p>";
  assert.equal(htmlToText(html).replace(/\n+/g, "|"), "|Fish & chips|here|");
});
