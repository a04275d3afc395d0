/**
 * Recognises text in another encoding than UTF-8 by its beginning, and names the likely one. A file with one damaged
 * character is not such a file: its rows are judged one by one. Pure.
 */

import { backslash, closeBrace, lineFeed, openBrace, openBracket, quote } from "./jsonBytes.ts";

interface Candidate {
  /** As iconv and TextDecoder call it. */
  readonly name: string;
  /** Characters that its texts have beside ASCII. */
  readonly usual: RegExp;
  readonly bytesPerCharacter: 1 | 2;
  /** The share of the usual characters in a text, if it is not nearly all. */
  readonly share?: number;
}

/** In order: the first of several that fit equally is chosen. */
const candidates: readonly Candidate[] = [
  { name: "Windows-1252", usual: /[À-ÖØ-öø-ÿ¡¿«»°€‘’“”–—…\u00a0]/gu, bytesPerCharacter: 1 },
  { name: "Windows-1251", usual: /[а-яё]/gu, bytesPerCharacter: 1 },
  { name: "KOI8-R", usual: /[а-яё]/gu, bytesPerCharacter: 1 },
  // Every second or third character of a Japanese text is Hiragana, and few of another text.
  { name: "Shift_JIS", usual: /[\u3041-\u3096]/gu, bytesPerCharacter: 2, share: 0.4 },
  { name: "EUC-JP", usual: /[\u3041-\u3096]/gu, bytesPerCharacter: 2, share: 0.4 },
  { name: "EUC-KR", usual: /\p{Script=Hangul}/gu, bytesPerCharacter: 2 },
  { name: "GB18030", usual: /[\u4e00-\u9fff，。！？]/gu, bytesPerCharacter: 2 },
  { name: "Big5", usual: /[\u4e00-\u9fff]/gu, bytesPerCharacter: 2 },
];

/** The likely encoding of a text with this beginning; undefined for UTF-8, and for UTF-8 with damaged characters. */
export function otherEncoding(beginning: Uint8Array): string | undefined {
  const { valid, faults, faultyRows } = charactersOf(beginning);
  if (valid >= faults || faultyRows < 2) return undefined;
  const high = beginning.filter((byte) => byte >= 0x80);
  const pairs = high.length === 0 ? 0 : pairsOf(beginning) / high.length;
  const scored = candidates.map(({ name, usual, bytesPerCharacter, share = 1 }) => {
    const text = decoded(beginning, name).replaceAll(/[\0-\x7f]/g, "");
    const fits = (text.match(usual)?.length ?? 0) / Math.max(1, text.length) / share;
    // Letters with accents stand alone among ASCII ones; characters of two bytes do not.
    const isAlone = pairs < 0.4;
    const isLatin = name === "Windows-1252";
    return { name, score: isLatin === isAlone ? fits : fits * (bytesPerCharacter === 2 ? 0.9 : 0.5) };
  });
  const best = scored.reduce((first, one) => (one.score > first.score ? one : first));
  return best.score > 0.4 ? best.name : "an encoding that is not known";
}

/** How many characters beyond ASCII are valid UTF-8, how many bytes are not, and in how many rows. */
function charactersOf(bytes: Uint8Array): { valid: number; faults: number; faultyRows: number } {
  let [valid, faults, faultyRows, lastFault, row] = [0, 0, 0, -1, 0];
  const endsRow = rowEnds(bytes);
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i]!;
    if (endsRow(byte)) row++;
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (length > 1 && i + length > bytes.length) break;
    const isValid = length === 1 || isCharacter(bytes.subarray(i, i + length));
    if (isValid && length > 1) valid++;
    if (!isValid) {
      faults++;
      if (row !== lastFault) faultyRows++;
      lastFault = row;
    }
    i += isValid ? length : 1;
  }
  return { valid, faults, faultyRows };
}

/** Whether each byte in turn ends a row: a line, or an object of a list, which may be one line. */
function rowEnds(bytes: Uint8Array): (byte: number) => boolean {
  const isList = bytes.find((byte) => byte > 0x20) === openBracket;
  let [depth, inText, isEscaped] = [0, false, false];
  if (!isList) return (byte) => byte === lineFeed;
  return (byte) => {
    if (isEscaped) isEscaped = false;
    else if (inText && byte === backslash) isEscaped = true;
    else if (byte === quote) inText = !inText;
    else if (!inText && byte === openBrace) depth++;
    else if (!inText && byte === closeBrace) return --depth === 0;
    return false;
  };
}

const strict = new TextDecoder("utf-8", { fatal: true });

function isCharacter(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** High bytes that follow another one. */
function pairsOf(bytes: Uint8Array): number {
  let pairs = 0;
  for (let i = 1; i < bytes.length; i++) if (bytes[i]! >= 0x80 && bytes[i - 1]! >= 0x80) pairs++;
  return pairs;
}

const decoded = (bytes: Uint8Array, encoding: string) => new TextDecoder(encoding).decode(bytes);
