/**
 * Finds why and where a text is not JSON, for error messages. Unlike those of `JSON.parse`, the messages never quote
 * the text, because a row or a file may be confidential.
 */

export interface JsonFault {
  /** Index of the first invalid character; the length of the text if it ends too early. */
  at: number;
  what: string;
}

const blank = /[ \t\n\r]*/y;
const literal =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const text = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

type Expected = "a value" | "a value or ]" | "a key" | "a key or }" | ":" | ", or ]" | ", or }" | "the end";

/** The first fault of a text that `JSON.parse` rejects. */
export function jsonFault(source: string): JsonFault {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "a value";
  const after = (): Expected => (open.length === 0 ? "the end" : open.at(-1) === "{" ? ", or }" : ", or ]");
  for (let at = 0; ; ) {
    at += matched(blank, source, at);
    const character = source[at];
    if (character === undefined) return { at, what: "ends too early" };
    const wantsValue = expected.startsWith("a value");
    const wantsKey = expected.startsWith("a key");
    const length = wantsValue || (wantsKey && character === '"') ? matched(literal, source, at) : 0;
    if (length > 0) {
      expected = wantsKey ? ":" : after();
      at += length;
      continue;
    }
    if (wantsValue && (character === "{" || character === "[")) {
      open.push(character);
      expected = character === "{" ? "a key or }" : "a value or ]";
    } else if ((character === "}" || character === "]") && expected.endsWith(character)) {
      open.pop();
      expected = after();
    } else if (character === "," && expected.startsWith(",")) {
      expected = open.at(-1) === "{" ? "a key" : "a value";
    } else if (character === ":" && expected === ":") {
      expected = "a value";
    } else if (character === '"' && (wantsValue || wantsKey)) {
      return faultOfText(source, at);
    } else {
      return { at, what: `has something else where ${expected} is expected` };
    }
    at++;
  }
}

function faultOfText(source: string, start: number): JsonFault {
  const at = start + matched(text, source, start);
  if (at >= source.length) return { at, what: "ends within a text" };
  return {
    at,
    what: source[at] === "\\" ? "has an escape that JSON does not know" : "has a control character in a text",
  };
}

function matched(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0].length ?? 0;
}

/**
 * The message for a file that is not JSON: "not JSON: line 3, column 7: has something else where a key is expected".
 */
export function fileFault(source: string): string {
  const { at, what } = jsonFault(source);
  const before = source.slice(0, at).split("\n");
  return `not JSON: line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${what}`;
}
