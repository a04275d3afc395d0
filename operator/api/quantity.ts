/** Parses Kubernetes quantities of memory and cores. Pure. */

const powersOfTen: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const powersOfTwo: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** A number, then a unit of these tables or an exponent. */
export const quantityPattern = /^([0-9]+|[0-9]+\.[0-9]+|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|([eE]-?[0-9]+))?$/;

/** Bytes of a quantity ("8Gi", "1e9", 500), rounded down; undefined when it is invalid. */
export function quantityBytes(text: string | number | undefined): number | undefined {
  const bytes = quantityNumber(text);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/**
 * The number of a quantity ("1500m": 1.5), rounded once, so that equal quantities give equal numbers
 * ("700m" and "0.7"); undefined when it is invalid.
 */
export function quantityNumber(text: string | number | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, suffix = ""] = quantityPattern.exec(String(text)) ?? [];
  if (digits === undefined) return undefined;
  const twos = powersOfTwo[suffix];
  if (twos !== undefined) return Number(digits) * 2 ** twos;
  const tens = powersOfTen[suffix];
  return Number(tens === undefined ? `${digits}${suffix}` : `${digits}e${tens}`);
}
