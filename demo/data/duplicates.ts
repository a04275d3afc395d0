/**
 * Near-duplicates by exact Jaccard similarity of word shingles. Pure and independent of any seed: an inverted index
 * counts shared shingles, so nothing is estimated (a corpus of some thousand short texts needs no MinHash).
 * A text is dropped if it is too similar to an earlier kept one, so that no two kept texts are near-duplicates.
 */

/** Words in a shingle, and the minimal similarity of a duplicate. */
const shingleWords = 3;
const similarityLimit = 0.5;

/** Lower case, letters and digits only (every digit as 0: a serial number makes no new text), single spaces. */
export function normalisedText(text: string): string {
  return text
    .toLowerCase()
    .replace(/\d/g, "0")
    .replace(/[^\p{L}0]+/gu, " ")
    .trim();
}

export function shingles(text: string): Set<string> {
  const words = normalisedText(text).split(" ");
  const last = Math.max(0, words.length - shingleWords);
  return new Set(Array.from({ length: last + 1 }, (_, start) => words.slice(start, start + shingleWords).join(" ")));
}

/** Indices, ascending, of the texts to keep. The earliest of each family of near-duplicates stays. */
export function withoutNearDuplicates(texts: readonly string[]): number[] {
  const keptSizes = new Map<number, number>();
  const holders = new Map<string, number[]>();
  texts.forEach((text, index) => {
    const own = shingles(text);
    if (isCopy(own, holders, keptSizes)) return;
    keptSizes.set(index, own.size);
    for (const shingle of own) holders.set(shingle, [...(holders.get(shingle) ?? []), index]);
  });
  return [...keptSizes.keys()];
}

function isCopy(own: Set<string>, holders: Map<string, number[]>, keptSizes: Map<number, number>): boolean {
  const shared = new Map<number, number>();
  for (const shingle of own)
    for (const index of holders.get(shingle) ?? []) shared.set(index, (shared.get(index) ?? 0) + 1);
  return [...shared].some(([index, common]) => common / (own.size + keptSizes.get(index)! - common) >= similarityLimit);
}
