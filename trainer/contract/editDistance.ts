/** The edit distance of two names, for messages that name what may have been meant. Pure. */

/**
 * Levenshtein 1966: insertions, deletions and replacements of characters. A `wildcard` in `a` stands for any characters or none,
 * at no cost.
 */
export function editDistance(a: string, b: string, wildcard?: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const letter of a) {
    if (letter === wildcard) {
      let least = Number.POSITIVE_INFINITY;
      row = row.map((cost) => {
        least = Math.min(least, cost);
        return least;
      });
      continue;
    }
    const next = [(row[0] ?? 0) + 1];
    for (const [column, other] of [...b].entries()) {
      next.push(
        Math.min((row[column] ?? 0) + (letter === other ? 0 : 1), (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
