/**
 * Rules that the schema language cannot express: across fields, and inside lists and maps. Each is defined once, with a
 * predicate for zod, a CEL expression for the API server, and one message for both. The schema carries the expression
 * as metadata, from which the CustomResourceDefinitions are generated. The command line therefore refuses the same
 * manifests as admission, with the same messages.
 *
 * `.meta()` and `.optional()` after these functions keep the attached metadata; another `.refine()` loses it.
 */
import { z } from "zod";

/** The API server's part of a rule. */
export interface CelRule {
  /** `self` is the value of the schema. */
  cel: string;
  message: string;
  /** Field below the rule's, named in the error: ".adapter.exports". */
  fieldPath?: string | undefined;
}

export interface Rule<Value> extends CelRule {
  holds: (value: Value) => boolean;
}

/** CEL for a list of names. */
export const celList = (names: readonly string[]): string => `[${names.map((name) => `'${name}'`).join(", ")}]`;

/** Exactly one of the `members` of an object is set; `what` names such a member. */
export function exactlyOne<Member extends string>(
  what: string,
  members: readonly Member[],
): Rule<{ readonly [Name in Member]?: unknown }> {
  return {
    cel: `${members.map((name) => `(has(self.${name}) ? 1 : 0)`).join(" + ")} == 1`,
    holds: (value) => members.filter((name) => value[name] !== undefined).length === 1,
    message: `exactly one ${what} must be set: ${members.join(" or ")}`,
  };
}

/** `schema` with rules for its values; pass all rules in one call. */
export function ruled<Schema extends z.ZodType>(schema: Schema, ...rules: Rule<z.output<Schema>>[]): Schema {
  let result = schema;
  for (const { holds, message, fieldPath = "" } of rules) {
    result = result.refine(holds, { message, path: fieldPath.split(".").slice(1) });
  }
  return result.meta({ rules: rules.map(({ holds: _, ...told }): CelRule => told) });
}

/** A list in which no two entries have the same `keys`; without keys, no two entries are equal strings. */
export function distinct<List extends z.ZodType<readonly unknown[]>>(list: List, ...keys: string[]): List {
  return list
    .superRefine((items, context) => {
      const seen = new Set<string>();
      for (const [index, item] of items.entries()) {
        const identity = JSON.stringify(keys.length === 0 ? item : keys.map((key) => memberOf(item, key)));
        if (seen.has(identity)) context.addIssue({ code: "custom", path: [index], message: copyMessage(item, keys) });
        seen.add(identity);
      }
    })
    .meta({ distinct: keys });
}

function copyMessage(item: unknown, keys: readonly string[]): string {
  if (keys.length === 0) return `${JSON.stringify(item)} is already in the list`;
  return `an entry with ${keys.map((key) => `${key} ${JSON.stringify(memberOf(item, key))}`).join(", ")} is already in the list`;
}

const memberOf = (item: unknown, key: string): unknown =>
  typeof item === "object" && item !== null ? Reflect.get(item, key) : undefined;

/** A map with at most `maxProperties` entries. */
export function entriesAtMost<Entries extends z.ZodType<Record<string, unknown>>>(
  map: Entries,
  maxProperties: number,
): Entries {
  return map
    .refine((record) => Object.keys(record).length <= maxProperties, `must have at most ${maxProperties} entries`)
    .meta({ maxProperties });
}

const celRule = z.object({ cel: z.string(), message: z.string(), fieldPath: z.string().optional() });

/** The metadata that survives in a JSON Schema generated from a schema above. */
export const attached = z.object({
  rules: z.array(celRule).optional(),
  distinct: z.array(z.string()).optional(),
});
