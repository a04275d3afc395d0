/**
 * Recognises text that is not JSON rows: tables with commas or tabs, objects over several lines, pages, pointers. The
 * whole file is reported only if no line of its beginning is an object, so a file of rows with a broken first one is
 * not. The result never quotes the text. Pure.
 */

/** Number of bytes that show the form of a file. */
export const formBytes = 1 << 16;

/** Number of lines to examine at the beginning. */
const tellingLines = 50;

/** The kind of a text with this beginning; undefined when it may be JSON rows. `isWhole`: nothing follows. */
export function foreignText(beginning: Uint8Array, isWhole: boolean): string | undefined {
  const text = new TextDecoder("utf-8").decode(beginning.subarray(0, formBytes)).trimStart();
  if (text === "" || text.startsWith("[")) return undefined;
  const isAll = isWhole && beginning.length <= formBytes;
  const lines = wholeLines(text, isAll);
  const first = text.startsWith("{") ? endOfObject(text) : undefined;
  if (first !== undefined && spansLines(text.slice(0, first))) return overLines;
  if (lines.length > 1 && lines.slice(0, -1).every(hasComma)) return "JSON objects with a comma after each line";
  if (lines.length === 0 || lines.some(isObject)) return undefined;
  // The first object continues beyond the examined part, after a line that leaves it open.
  if (first === undefined && !isAll && /^\{([^\n]*[{[,:])?[ \t\r]*\n/.test(text)) return overLines;
  return text.startsWith("{") ? brokenRows(text, lines) : otherText(text, lines);
}

/** Non-empty lines; the last one is included only if it is known to be complete. */
function wholeLines(text: string, isAll: boolean): string[] {
  const lines = text.split("\n", tellingLines + 1);
  const known = isAll || lines.length > tellingLines ? lines.slice(0, tellingLines) : lines.slice(0, -1);
  return known.map((line) => line.trim()).filter((line) => line !== "");
}

function isObject(line: string): boolean {
  if (!line.startsWith("{")) return false;
  return parsed(line) !== undefined;
}

const hasComma = (line: string) => line.endsWith(",") && isObject(line.slice(0, -1));

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const overLines = "JSON objects over several lines each";

const spansLines = (object: string) => object.includes("\n") && parsed(object) !== undefined;

/** The offset after the brace that closes the first object. */
function endOfObject(text: string): number | undefined {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (inText) {
      if (character === "\\") i++;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return i + 1;
  }
  return undefined;
}

/** The kind of a text whose lines all begin like objects but are not. */
function brokenRows(text: string, lines: readonly string[]): string | undefined {
  if (!lines.every((line) => line.startsWith("{"))) return undefined;
  if (!text.includes("\n") && /\}\s*\r/.test(text)) return "text whose lines end with a carriage return alone";
  if (lines.every((line) => /^\{\s*'/.test(line))) return "Python dictionaries (single quotes), not JSON";
  if (lines.every((line) => joinedObjects(line))) return "JSON objects without a line break between them";
  return undefined;
}

function joinedObjects(line: string): boolean {
  const end = endOfObject(line);
  return end !== undefined && parsed(line.slice(0, end)) !== undefined && line.slice(end).trimStart().startsWith("{");
}

const beginnings: readonly [RegExp, string][] = [
  [/^version https:\/\/git-lfs/, "a pointer of Git LFS, not the file itself: fetch it with git lfs pull"],
  [/^<(!doctype html|html)/i, "a page in HTML"],
  [/^<\?xml/, "XML"],
  [/^(---\s|%YAML|- \w+:)/, "YAML"],
  [/^#!/, "a script"],
];

/** The kind of a text that is known by its beginning. */
export const foreignBeginning = (text: string) => beginnings.find(([begins]) => begins.test(text))?.[1];

/** The kind of a text that does not begin like JSON. */
function otherText(text: string, lines: readonly string[]): string {
  const known = foreignBeginning(text);
  if (known !== undefined) return known;
  const separators = { "\t": "tabs (TSV)", ",": "commas (CSV)", ";": "semicolons (CSV)", "|": "bars" };
  const [header = ""] = lines;
  const found = Object.entries(separators).find(([separator]) => header.includes(separator));
  return found
    ? `a table with ${found[1]}, as it seems, whose name does not end with .csv or .tsv`
    : "text that does not begin as JSON does";
}
