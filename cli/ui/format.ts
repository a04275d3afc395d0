/** Quantities as a person reads them. Pure. */

/** "512 B", "9.4 MiB": binary prefixes, three digits at most. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

/** "950", "6.1 k", "12.4 M": decimal prefixes. */
export function formatCount(count: number): string {
  return scaled(count, 1000, ["", "k", "M", "G", "T"]).trim();
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let magnitude = 0;
  let rest = value;
  while (Math.abs(rest) >= base && magnitude < units.length - 1) {
    rest /= base;
    magnitude += 1;
  }
  const digits = magnitude === 0 || Math.abs(rest) >= 100 ? 0 : 1;
  return `${rest.toFixed(digits)} ${units[magnitude]}`;
}

/** "48 s", "3 min 05 s", "2 h 07 min"; never negative. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (part: number) => String(part).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** A share in 0..1 as "94.1 %". */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A loss or a rate in four significant digits: "0.6931", "1.2e-7". */
export function formatFigure(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(2) : value.toPrecision(4);
}
