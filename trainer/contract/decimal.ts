/**
 * Decimals are strings ("2e-4") because Kubernetes objects hold no floating-point numbers. The trainer reads each as
 * the nearest double and computes with that. Two decimals are equal when their doubles are: "2e-4" = "0.0002" =
 * "0.00020"; digits beyond a double's precision have no effect. A double is written as its shortest decimal, which for
 * up to 15 digits is the text that was read.
 */
import { z } from "zod";

const decimalPattern = /^-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,16})?([eE][-+]?[0-9]{1,2})?$/;

export interface DecimalBounds {
  min?: number;
  max?: number;
  exclusiveMin?: number;
}

/** A decimal string within bounds. The bounds are also metadata, because JSON Schema drops refinements. */
export function decimal(description: string, bounds: DecimalBounds = {}) {
  return z
    .string()
    .min(1)
    .max(40)
    .regex(decimalPattern, 'must be a decimal number as a string, such as "0.05" or "2e-4"')
    .refine((text) => within(Number(text), bounds), { message: `must be ${boundsText(bounds)}` })
    .meta({
      description: `${description} A decimal as a string${boundsText(bounds) ? `, ${boundsText(bounds)}` : ""}.`,
      decimalBounds: bounds,
    });
}

function within(value: number, { min, max, exclusiveMin }: DecimalBounds): boolean {
  return (
    (min === undefined || value >= min) &&
    (max === undefined || value <= max) &&
    (exclusiveMin === undefined || value > exclusiveMin)
  );
}

export function boundsText({ min, max, exclusiveMin }: DecimalBounds): string {
  const parts: string[] = [];
  if (min !== undefined) parts.push(`at least ${min}`);
  if (exclusiveMin !== undefined) parts.push(`above ${exclusiveMin}`);
  if (max !== undefined) parts.push(`at most ${max}`);
  return parts.join(" and ");
}

/** The shortest decimal that reads as this number: `digits` · 10^`power`, without trailing zeros. */
function shortestDecimal(value: number): { digits: bigint; power: number } {
  if (!Number.isFinite(value)) throw new Error(`not a finite number: ${value}`);
  const [mantissa = "", exponent] = value.toExponential().split("e");
  const [whole, fraction = ""] = mantissa.split(".");
  return { digits: BigInt(`${whole}${fraction}`), power: Number(exponent) - fraction.length };
}

/** The canonical spelling of a finite number: digits without trailing zeros, and a power of ten ("2e-4"; "0"). */
export function canonicalDecimal(value: number): string {
  const { digits, power } = shortestDecimal(value);
  return power === 0 ? `${digits}` : `${digits}e${power}`;
}

/** value · factor in decimal arithmetic, rounded up: 1.1 · 100 is 110, although the binary product is larger. */
export function ceilOfProduct(value: number, factor: number): number {
  const { digits, power } = shortestDecimal(value);
  const product = digits * BigInt(factor);
  if (power >= 0) return Number(product * 10n ** BigInt(power));
  const unit = 10n ** BigInt(-power);
  // BigInt division truncates towards zero, which rounds negative values up.
  return Number(product / unit + (product > 0n && product % unit !== 0n ? 1n : 0n));
}
