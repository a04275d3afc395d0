/**
 * Converts HTML to its visible text: drops tags and markup, decodes entities, puts block elements on separate lines.
 * Invariant: no invisible content remains (scripts, styles, comments, attributes, and so no tracking address).
 */
import { Parser } from "htmlparser2";

const unseen = new Set(["script", "style", "head", "title", "noscript", "template", "object", "select"]);
const blocks = new Set(
  "p div br hr tr table td th ul ol li h1 h2 h3 h4 h5 h6 pre blockquote center form body".split(" "),
);

/** Whether a text declared as plain is HTML: mail of that time often has the wrong type. */
export function looksLikeHtml(text: string): boolean {
  return /<\s*(html|body|table|font|center|script|img|p|br|a\s+href)\b[^>]*>/i.test(text);
}

export function htmlToText(html: string): string {
  const out: string[] = [];
  let hiddenDepth = 0;
  const parser = new Parser({
    onopentag(name) {
      if (unseen.has(name)) hiddenDepth++;
      else if (blocks.has(name)) out.push("\n");
    },
    onclosetag(name) {
      if (unseen.has(name)) hiddenDepth--;
      else if (blocks.has(name)) out.push("\n");
    },
    ontext(text) {
      if (hiddenDepth === 0) out.push(text.replace(/\s+/g, " "));
    },
  });
  parser.end(html);
  return out.join("");
}
