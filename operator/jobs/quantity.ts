/** Kubernetes quantities of memory and cores. */

const units: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Bytes of a quantity ("8Gi", "1e9", 500), rounded down; undefined when it is none. */
export function quantityBytes(text: string | number | undefined): number | undefined {
  const bytes = quantity(text);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/** The number that a quantity stands for ("1500m": 1.5); undefined when it is none. */
export function quantity(text: string | number | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([KMGTPE]i|[mkMGTPE])|[eE](-?[0-9]+))?$/.exec(String(text));
  if (!match) return undefined;
  const [, digits = "0", unit = "", exponent = "0"] = match;
  return Number(digits) * (units[unit] ?? 1) * 10 ** Number(exponent);
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
