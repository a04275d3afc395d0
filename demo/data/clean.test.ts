import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyCharacters, cleanMail, excerpt, exclusion, neutralise, normaliseSpace } from "./clean.ts";

const body = (text: string) => cleanMail({ subject: "hello", body: text }).body;

test("personal addresses, links, telephone numbers and identifiers are replaced by neutral tokens", () => {
  const cases: [string, string][] = [
    ["write to jane.roe@example.org today", "write to [email] today"],
    ["see http://example.org/a?b=c#d.", "see [url]"],
    ["at www.example.com/now and at example.co.uk", "at [url] and at [url]"],
    ["call 1-800-555-0199 or (555) 555-0123", "call [phone] or [phone]"],
    ["call 555-555-0199-4321 now", "call [phone] now"],
    ["Tlf: 0312. 555 0150/ Fax: 0312. 555 0147", "Tlf: [phone]/ Fax: [phone]"],
    ["Phone: + 45 45 55 01 00, TEL:(+225) 0155 0100.", "Phone: [phone], TEL:[phone]."],
    ["write to jane.roe@ or (webmaster@*) or to joe@", "write to [email] or ([email]*) or to [email]"],
    ["at 427-3 Example Street, Suite 319, Springfield, NH 03063 or", "at [address], Suite 319, [address] or"],
    ["24, Example Road, Banbury, OX99 9ZZ, P.O. Box 101", "[address], Banbury, [address]"],
    ["from host 192.168.10.1 again", "from host [address] again"],
    ["order 20020912345678 of 1999", "order [id] of 1999"],
    ["key 7c53336b37003a9286aba55d2945844c here", "key [id] here"],
  ];
  for (const [from, to] of cases) assert.equal(neutralise(from), to);
});

test("prices, percentages, years and plain words are kept", () => {
  const text = "Save $3,500.00, that is 45% of the 1999 price. Ask us at 5pm on DVD drive 3. @@ 4 lines @(#)$Id";
  assert.equal(neutralise(text), text);
});

test("repeated neutral tokens are collapsed to one", () => {
  assert.equal(neutralise("a@example.org, b@example.org; c@example.org wrote"), "[email] wrote");
});

test("quoted lines and reply marks are removed, and the sender's own words kept", () => {
  const text = "On Monday Jane wrote:\n> what do you think?\n| or you?\nI think it is fine.\nFrom: someone\n";
  assert.equal(body(text), "I think it is fine.");
});

test("signatures and mailing-list footers are removed with everything after them", () => {
  for (const footer of ["-- ", "_______________________", "Yahoo! Groups Sponsor", "-----BEGIN PGP SIGNATURE-----"]) {
    assert.equal(body(`First line\nSecond line\n${footer}\nJane Roe, Example Ltd`), "First line\nSecond line", footer);
  }
});

test("reply marks and list names before the subject are removed", () => {
  assert.equal(cleanMail({ subject: "Re: [ILUG] Fwd: disk  is full", body: "" }).subject, "disk is full");
});

test("white space, look-alike characters and ruled lines are normalised", () => {
  assert.equal(normaliseSpace("“Don’t”\u00a0 stop\r\n\n\n ****** \n!!!!!!!!now"), '"Don\'t" stop\n!!!now');
});

test("an excerpt ends at a word and never exceeds its limit", () => {
  assert.equal(excerpt("one two three", 9), "one two");
  assert.equal(excerpt("one two", 7), "one two");
  assert.equal(excerpt("x".repeat(20), 5), "xxxxx");
  assert.ok(body("word ".repeat(1000)).length <= bodyCharacters);
});

test("messages without enough English text are excluded with a reason", () => {
  const of = (text: string) => exclusion({ subject: "", body: text });
  assert.equal(of("see below"), "too little text");
  assert.equal(of("안녕하세요 광고 메일 입니다"), "not English");
  assert.equal(of(`${"ab 12345 6789 ".repeat(12)}`), "not text");
  assert.equal(of("This is a perfectly normal English sentence about lunch."), undefined);
});
