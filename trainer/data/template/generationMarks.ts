/**
 * `{% generation %}` … `{% endgeneration %}` in a chat template enclose what the model writes, as in transformers, where they
 * give the mask of TRL's `assistant_only_loss`. Such a template is interpreted with two noncharacters in their place, which
 * are then removed from the rendering. Pure.
 */
import { RowError } from "../rows/example.ts";

/** A part of a text. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

export interface Rendered {
  readonly text: string;
  /** The parts between generation marks; none for a template without them. */
  readonly marked: readonly Stretch[];
}

/** Unicode reserves these noncharacters for use inside programs, so that texts do not contain them. */
const [opening, closing] = ["\ufdd0", "\ufdd1"];

const tag = /{%([-+]?)\s*(end)?generation\s*([-+]?)%}/g;

/** The template with noncharacters in place of its tags, and the same control of white space around them. */
export function withNoncharacters(template: string): string {
  return template.replace(
    tag,
    (_, left: string, end: string | undefined, right: string) =>
      `{%${left} if true %}${end === undefined ? opening : closing}{% endif ${right}%}`,
  );
}

/** Removes the noncharacters. Throws `RowError` for a text whose own noncharacters make the parts uncertain. */
export function withoutNoncharacters(rendering: string): Rendered {
  const marked: Stretch[] = [];
  let text = "";
  let start: number | undefined;
  for (const part of rendering.split(/(\ufdd0|\ufdd1)/)) {
    if (part !== opening && part !== closing) text += part;
    else {
      if ((part === opening) !== (start === undefined)) throw notText();
      if (start !== undefined && text.length > start) marked.push({ start, end: text.length });
      start = start === undefined ? text.length : undefined;
    }
  }
  if (start !== undefined) throw notText();
  return { text, marked };
}

const notText = () => new RowError("contains the noncharacter U+FDD0 or U+FDD1, which is not text: remove it");
