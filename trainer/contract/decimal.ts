/**
 * Decimals travel as strings ("2e-4"), since Kubernetes objects hold no floating-point numbers, and are equal when their
 * values are: "2e-4" = "0.0002" = "0.00020". Exact: no decimal passes through a binary fraction when compared.
 */
import { z } from "zod";

const decimalPattern = /^-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,16})?([eE][-+]?[0-9]{1,2})?$/;

export interface DecimalBounds {
  min?: number;
  max?: number;
  exclusiveMin?: number;
}

/** A decimal as a string, within bounds; they are also metadata, since a refinement leaves no trace in JSON Schema. */
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

/** The one spelling of a decimal's value: digits without leading or trailing zeros, and a power of ten ("2e-4"; "0"). */
export function canonicalDecimal(text: string): string {
  if (!decimalPattern.test(text)) throw new Error(`not a decimal: ${JSON.stringify(text)}`);
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${mantissa.startsWith("-") ? "-" : ""}${significant}${power === 0 ? "" : `e${power}`}`;
}
