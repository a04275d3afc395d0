/**
 * The methods by name: a user's choice, its settings with defaults applied, and their hashed form. A new method is a
 * declaration beside this file and a line in `declared`; its training is defined in `trainer/methods/<method>`.
 */
import { z } from "zod";
import type { Json } from "../setting.ts";
import { adalora } from "./adalora.ts";
import { bitfit } from "./bitfit.ts";
import { bottleneck } from "./bottleneck.ts";
import {
  canonicalOf,
  type Declaration,
  effective,
  type MethodResult,
  type MethodSettings,
  methodWrittenOut,
} from "./declaration.ts";
import { diffPruning } from "./diffPruning.ts";
import { dora } from "./dora.ts";
import { fishMask } from "./fishMask.ts";
import { full } from "./full.ts";
import { ia3 } from "./ia3.ts";
import { intrinsicDimension } from "./intrinsicDimension.ts";
import { krona } from "./krona.ts";
import { loha } from "./loha.ts";
import { lokr } from "./lokr.ts";
import { lora } from "./lora.ts";
import { prefixTuning } from "./prefixTuning.ts";
import { promptTuning } from "./promptTuning.ts";
import { pTuning } from "./pTuning.ts";
import { xlora } from "./xlora.ts";

export type { MethodSettings } from "./declaration.ts";

/** In the order in which they are listed to a user. */
const declared = {
  lora,
  dora,
  adalora,
  loha,
  lokr,
  krona,
  xlora,
  ia3,
  bottleneck,
  prefixTuning,
  promptTuning,
  pTuning,
  bitfit,
  fishMask,
  diffPruning,
  intrinsicDimension,
  full,
};

type Declared = typeof declared;
type WrittenForm<Kind extends keyof Declared> = z.ZodOptional<Declared[Kind]["written"]>;

/** The members of `method`, of which a user sets one. */
export const methodMembers = Object.fromEntries(
  Object.entries(declared).map(([kind, { written }]) => [kind, written.optional()]),
) as { readonly [Kind in keyof Declared]: WrittenForm<Kind> };
export type WrittenMethod = { [Kind in keyof typeof methodMembers]?: z.infer<(typeof methodMembers)[Kind]> };

/** The declarations that a user can choose. */
export const declarations: readonly Declaration[] = Object.values(declared);

const known = new Map<string, Declaration>(declarations.map((one) => [one.kind, one]));

/** Adds a method for tests until it is disposed of; users cannot choose it. */
export function registerDeclaration(declaration: Declaration): Disposable {
  if (known.has(declaration.kind)) throw new Error(`method ${declaration.kind} is already registered`);
  known.set(declaration.kind, declaration);
  return { [Symbol.dispose]: () => known.delete(declaration.kind) };
}

export function declarationOf(kind: string): Declaration {
  const found = known.get(kind);
  if (!found) throw new Error(`unknown method ${kind}; use one of ${[...known.keys()].join(", ")}`);
  return found;
}

/** The settings in an adapter's manifest, checked by the method that `kind` names. */
export const methodSettings: z.ZodType<MethodSettings> = z
  .looseObject({ kind: z.string() })
  .transform((value, context) => {
    const parsed = known.get(value.kind)?.schema.safeParse(value);
    if (parsed?.success) return parsed.data;
    const issues = parsed?.error.issues ?? [{ message: `method ${value.kind} is unknown`, path: ["kind"] }];
    for (const { message, path } of issues) context.addIssue({ code: "custom", message, path: [...path] });
    return z.NEVER;
  });

/** The declaration and the written settings of the member that is set. */
function chosen(written: WrittenMethod): { declaration: Declaration; settings: Readonly<Record<string, unknown>> } {
  for (const [kind, settings] of Object.entries(written)) {
    if (settings !== undefined) return { declaration: declarationOf(kind), settings };
  }
  throw new Error("no method is set");
}

export function effectiveMethod(written: WrittenMethod): MethodSettings {
  const { declaration, settings } = chosen(written);
  return effective(declaration, settings);
}

/** The quantisation of the base for this method in prepare; undefined if the base does not depend on the method. */
export function quantizesFor(method: MethodSettings): Declaration["quantizesFor"] {
  const { quantizesFor: how } = declarationOf(method.kind);
  return how !== undefined && method[how.setting] === how.value ? how : undefined;
}

/** An adapter that a method gets beside its base, as a user names it. */
export interface GivenSource {
  readonly uri: string;
  readonly endpoint?: string | undefined;
  readonly secretRef?: { readonly name: string } | undefined;
}

/** The adapters that prepare puts into the base for this method. */
export function givenSources(written: WrittenMethod): readonly GivenSource[] {
  const { declaration, settings } = chosen(written);
  return sourcesIn(declaration, settings);
}

/** The same of a method's settings, without credentials. */
export const givenSourcesOf = (method: MethodSettings): readonly GivenSource[] =>
  sourcesIn(declarationOf(method.kind), method);

function sourcesIn(
  { givesAdapters }: Declaration,
  settings: Readonly<Record<string, unknown>>,
): readonly GivenSource[] {
  return givesAdapters === undefined ? [] : givenSourceList.parse(settings[givesAdapters]);
}

const givenSourceList = z.array(
  z.object({
    uri: z.string(),
    endpoint: z.string().optional(),
    secretRef: z.object({ name: z.string() }).optional(),
  }),
);

/** A method with all of its defaults. */
export const usualMethod = (kind: string): MethodSettings => effective(declarationOf(kind), {});

/** The user's form with every default written out; decimals keep the spelling of `written`. */
export function methodWithDefaults(written: WrittenMethod): WrittenMethod {
  const { declaration, settings } = chosen(written);
  return { [declaration.kind]: methodWrittenOut(declaration, effective(declaration, settings), settings) };
}

/** The form of a method that the hashes include. */
export const canonicalMethod = (method: MethodSettings): Json => canonicalOf(declarationOf(method.kind), method);

/** The learning rate if none is set, as a user would write it. */
export const defaultLearningRate = ({ kind }: MethodSettings): string => declarationOf(kind).learningRate;

export const resultOf = ({ kind }: MethodSettings): MethodResult => declarationOf(kind).result;
