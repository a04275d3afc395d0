/** Formats quantities for people. Pure. */

export { formatBytes } from "../trainer/contract/bytes.ts";

const prefixes = ["", " k", " M", " G", " T"];

/** "950", "6.1 k", "12.4 M": decimal prefixes. */
export function formatCount(count: number): string {
  let power = 0;
  let value = count;
  while (Math.abs(value) >= 1000 && power < prefixes.length - 1) {
    value /= 1000;
    power += 1;
  }
  return `${value.toFixed(power === 0 || Math.abs(value) >= 100 ? 0 : 1)}${prefixes[power]}`;
}

/** "48 s", "3 min 05 s", "2 h 07 min"; never negative. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (part: number) => String(part).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** A short time: "0.42 ms", "514 ms", "12.3 s". */
export function formatMilliseconds(seconds: number): string {
  if (seconds >= 10) return `${seconds.toFixed(1)} s`;
  const milliseconds = 1000 * seconds;
  return `${milliseconds < 10 ? milliseconds.toPrecision(2) : milliseconds.toFixed(0)} ms`;
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
