/**
 * Where words of ASCII end, for the splitting patterns of the byte-level tokenizers in use: GPT-2's, Llama 3's and
 * Qwen's. A regular expression takes several times as long for a word as all that comes after. Where a character beyond
 * ASCII has a say nothing is decided here: the pattern itself is asked. asciiWords.test.ts holds the two to each other.
 */

/** One past the word that begins at `start` of a text of `length` units; `undecided` where ASCII alone cannot say. */
export type WordEnd = (units: Uint16Array, start: number, length: number) => number;

/** No word ends there. */
export const undecided = 0;

/** The one that ByteLevel has built in. */
export const gpt2Source = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const llama3Source = (digits: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** By the pattern as tokenizer.json writes it, and as GPT-2's is built in. */
export const asciiWordEnds: ReadonlyMap<string, WordEnd> = new Map<string, WordEnd>([
  [gpt2Source, gpt2WordEnd],
  [llama3Source(String.raw`\p{N}{1,3}`), (units, start, length) => llama3WordEnd(units, start, length, 3)],
  [llama3Source(String.raw`\p{N}`), (units, start, length) => llama3WordEnd(units, start, length, 1)],
]);

/** Kinds of characters, as the patterns tell them apart. */
const [mark, letter, digit, space, newline, beyond] = [0, 1, 2, 3, 4, 5] as const;
const [blank, apostrophe] = [0x20, 0x27];
const lower = (unit: number) => unit | 0x20;

const kinds = Uint8Array.from({ length: 2 ** 16 }, (_, unit) => {
  if (unit >= 0x80) return beyond;
  const character = String.fromCharCode(unit);
  if (/[a-z]/i.test(character)) return letter;
  if (/[0-9]/.test(character)) return digit;
  if (/[\r\n]/.test(character)) return newline;
  return /\s/.test(character) ? space : mark;
});

function gpt2WordEnd(units: Uint16Array, start: number, length: number): number {
  if (units[start] === apostrophe) {
    const past = contractionEnd(units, start, length, false);
    if (past !== undecided) return past;
  }
  // A blank belongs to what comes after it.
  const at = units[start] === blank && start + 1 < length ? start + 1 : start;
  const kind = kinds[units[at]!]!;
  if (kind === beyond) return undecided;
  if (kind === space || kind === newline) return gapEnd(units, start, length, false);
  return decided(units, runEnd(units, at, length, kind), length);
}

function llama3WordEnd(units: Uint16Array, start: number, length: number, maxDigits: number): number {
  const first = kinds[units[start]!]!;
  if (first === letter) return decided(units, runEnd(units, start, length, letter), length);
  if (first === digit) {
    const most = Math.min(length, start + maxDigits);
    const past = runEnd(units, start, most, digit);
    return past === most ? past : decided(units, past, length);
  }
  if (units[start] === apostrophe) {
    const past = contractionEnd(units, start, length, true);
    if (past !== undecided) return past;
  }
  const second = start + 1 < length ? kinds[units[start + 1]!]! : first;
  if (first === beyond || second === beyond) return undecided;
  if (second === letter && first !== newline) return decided(units, runEnd(units, start + 1, length, letter), length);
  const at = units[start] === blank && second === mark ? start + 1 : start;
  if (kinds[units[at]!] !== mark) return gapEnd(units, start, length, true);
  const past = decided(units, runEnd(units, at, length, mark), length);
  return past === undecided ? undecided : runEnd(units, past, length, newline);
}

/** `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d`. */
function contractionEnd(units: Uint16Array, start: number, length: number, anyCase: boolean): number {
  const at = (index: number) => (index >= length ? 0 : anyCase ? lower(units[index]!) : units[index]!);
  switch (String.fromCharCode(at(start + 1))) {
    case "s":
    case "t":
    case "m":
    case "d":
      return start + 2;
    case "r":
    case "v":
      return at(start + 2) === 0x65 ? start + 3 : undecided;
    case "l":
      return at(start + 2) === 0x6c ? start + 3 : undecided;
    default:
      return undecided;
  }
}

/**
 * White space: up to its last line end, where the pattern has a rule for these; else all of it at the end of the text,
 * and all but the last character before a word.
 */
function gapEnd(units: Uint16Array, start: number, length: number, toLineEnd: boolean): number {
  let past = start;
  let lineEnd: number = undecided;
  for (; past < length; past++) {
    const kind = kinds[units[past]!]!;
    if (kind === newline) lineEnd = past + 1;
    else if (kind !== space) break;
  }
  if (past < length && kinds[units[past]!] === beyond) return undecided;
  if (toLineEnd && lineEnd !== undecided) return lineEnd;
  return past === length || past === start + 1 ? past : past - 1;
}

function runEnd(units: Uint16Array, start: number, length: number, kind: number): number {
  let past = start;
  while (past < length && kinds[units[past]!] === kind) past++;
  return past;
}

/** What comes after a run may belong to it. */
const decided = (units: Uint16Array, past: number, length: number) =>
  past < length && kinds[units[past]!] === beyond ? undecided : past;
