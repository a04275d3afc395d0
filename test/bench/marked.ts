/** Writes figures between two marks of a page, docs/performance.md unless told otherwise. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const performance = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

/** Replaces the text between `<!-- NAME: begin (…) -->` and `<!-- NAME: end -->`. */
export function writeMarked(name: string, text: string, page = performance): void {
  const given = readFileSync(page, "utf8");
  const marks = new RegExp(`(<!-- ${name}: begin [^>]*-->).*?(<!-- ${name}: end -->)`, "s");
  if (!marks.test(given)) throw new Error(`${page} lacks the marks of ${name}: restore them`);
  writeFileSync(
    page,
    given.replace(marks, (_, begin: string, end: string) => `${begin}\n\n${text}\n\n${end}`),
  );
}

/** A row of a Markdown table. */
export const markdownRow = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
