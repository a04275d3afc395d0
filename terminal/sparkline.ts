/** A curve in one line of text. Pure. */

const levels = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/**
 * At most `width` columns: averages more values than that in equal groups, so that the whole history stays visible. Skips
 * values that are not finite.
 */
export function sparkline(values: readonly number[], width: number): string {
  const means = grouped(values.filter(Number.isFinite), width);
  const low = Math.min(...means);
  const range = Math.max(...means) - low;
  return means.map((mean) => levels[range === 0 ? 0 : Math.round(((mean - low) / range) * 7)]).join("");
}

function grouped(values: readonly number[], groups: number): readonly number[] {
  if (values.length <= groups) return values;
  return Array.from({ length: groups }, (_, group) => {
    const from = Math.floor((group * values.length) / groups);
    const to = Math.floor(((group + 1) * values.length) / groups);
    return values.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
  });
}
