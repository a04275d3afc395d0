/** A progress bar of a fixed width: full blocks, an eighth-block at the edge, then space. Pure. */

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** Clamps `fraction` to 0..1 (NaN too); the result has exactly `width` columns. */
export function bar(fraction: number, width: number): string {
  const share = Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;
  const filled = Math.floor(share * width * 8);
  const drawn = "█".repeat(Math.floor(filled / 8)) + eighths[filled % 8];
  return drawn.padEnd(width, "░");
}
