/** Formats byte counts for messages. Pure. */

const prefixes = ["B", "KiB", "MiB", "GiB", "TiB"];

/** "512 B", "9.40 MiB", "250 GiB": binary prefixes, three digits. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), prefixes.length - 1);
  const value = bytes / 1024 ** power;
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${prefixes[power]}`;
}
