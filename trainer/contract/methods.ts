/**
 * The methods, as operator and trainer speak of them: settings with defaults applied, the same as a user writes them, and
 * what of them is hashed. How a method trains is `trainer/methods`. A new method has a case in each function here; the
 * compiler names those that are missing.
 */
import { z } from "zod";
import { canonicalDecimal } from "./decimal.ts";
import type { TrainingSpec } from "./settings.ts";

type Written = TrainingSpec["method"];

const lora = z.strictObject({
  kind: z.literal("lora"),
  rank: z.int(),
  alpha: z.number(),
  dropout: z.number(),
  targetModules: z.array(z.string()).readonly(),
  rankStabilized: z.boolean(),
});

/** As an adapter's manifest keeps them. */
export const methodSettings = z.discriminatedUnion("kind", [lora, z.strictObject({ kind: z.literal("full") })]);
export type MethodSettings = z.infer<typeof methodSettings>;
export type LoraSettings = Omit<z.infer<typeof lora>, "kind">;

/** Of a method that is written with its defaults left out. */
export function effectiveMethod(method: Written): MethodSettings {
  if (method.full !== undefined) return { kind: "full" };
  if (method.lora === undefined) throw new Error("no method is set");
  const rank = method.lora.rank ?? 16;
  return {
    kind: "lora",
    rank,
    alpha: method.lora.alpha ?? 2 * rank,
    dropout: Number(method.lora.dropout ?? "0"),
    targetModules: method.lora.targetModules ?? ["all-linear"],
    rankStabilized: method.lora.rankStabilized ?? false,
  };
}

/** The same as a user writes it, every default written out; decimals keep the spelling of `written`. */
export function methodWithDefaults(written: Written): Written {
  const method = effectiveMethod(written);
  switch (method.kind) {
    case "lora": {
      const { kind: _, targetModules, ...settings } = method;
      const dropout = written.lora?.dropout ?? String(method.dropout);
      return { lora: { ...settings, dropout, targetModules: [...targetModules] } };
    }
    case "full":
      return { full: {} };
  }
}

/** What is hashed. A setting that comes later is left out where it has its default, so that old hashes stay. */
export function canonicalMethod(method: MethodSettings) {
  switch (method.kind) {
    case "lora":
      return {
        kind: method.kind,
        rank: method.rank,
        alpha: method.alpha,
        dropout: canonicalDecimal(method.dropout),
        targetModules: [...new Set(method.targetModules)].sort(),
        rankStabilized: method.rankStabilized,
      };
    case "full":
      return { kind: method.kind };
  }
}

/** Where none is set. A decimal as a user would write it. */
export function defaultLearningRate(method: MethodSettings): string {
  switch (method.kind) {
    case "lora":
      return "2e-4";
    case "full":
      return "2e-5";
  }
}

/** What a training leaves: what is added to its base, or a whole model that needs none. */
export function resultOf(method: MethodSettings): "Adapter" | "Model" {
  switch (method.kind) {
    case "lora":
      return "Adapter";
    case "full":
      return "Model";
  }
}
