/** Kubernetes quantities of memory and cores. */

const decimalPowers: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryUnits = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** Bytes of a quantity ("8Gi", "1e9", 500), rounded down; undefined when it is none. */
export function quantityBytes(text: string | number | undefined): number | undefined {
  const bytes = quantity(text);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/**
 * The number that a quantity stands for ("1500m": 1.5), rounded once, so that equal quantities give equal numbers
 * ("700m" and "0.7"); undefined when it is none.
 */
export function quantity(text: string | number | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([KMGTPE]i)|([numkMGTPE])|[eE](-?[0-9]+))?$/.exec(String(text));
  if (!match) return undefined;
  const [, digits = "0", binary = "", unit = "", exponent = "0"] = match;
  const power = decimalPowers[unit] ?? Number(exponent);
  return Number(`${digits}e${power}`) * 1024 ** (binaryUnits.indexOf(binary) + 1);
}

/** Bytes as a person reads them: "1.4 GiB". */
export function bytesText(bytes: number): string {
  const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < steps.length - 1) {
    value /= 1024;
    step++;
  }
  return `${step === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${steps[step]}`;
}
