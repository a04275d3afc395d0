/** Fields of a section that apply only to some of its types: they have no value for the others, and are refused there. Pure. */
import { celList, type Rule } from "./rules.ts";

type Written<Field extends string> = { readonly type?: string | undefined } & { readonly [Name in Field]?: unknown };

export class FieldsByType<Field extends string> {
  readonly #appliesTo: Readonly<Record<Field, readonly string[]>>;

  constructor(appliesTo: Readonly<Record<Field, readonly string[]>>) {
    this.#appliesTo = appliesTo;
  }

  isApplied(field: Field, type: unknown): boolean {
    return this.#appliesTo[field].some((one) => one === type);
  }

  /** The types of a field in words. */
  named(field: Field): string {
    return this.#listed(field, "conjunction");
  }

  /** Refuses each field that is written for a type without it. */
  rules(): Rule<Written<Field>>[] {
    return (Object.keys(this.#appliesTo) as Field[]).map((field) => ({
      cel: `!has(self.${field}) || self.type in ${celList(this.#appliesTo[field])}`,
      holds: (written) => written[field] === undefined || this.isApplied(field, written.type),
      message: `${field} applies only to the type ${this.#listed(field, "disjunction")}: remove it, or change the type`,
      fieldPath: `.${field}`,
    }));
  }

  #listed(field: Field, type: "conjunction" | "disjunction"): string {
    return new Intl.ListFormat("en-GB", { type }).format(this.#appliesTo[field]);
  }
}
