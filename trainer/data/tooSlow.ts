/** The failure of a model whose own template or tokenizer would run for ever. */
import { invalid } from "../failure.ts";

export const tooSlow = (what: string) =>
  invalid("TemplateTooSlow", `the base model's chat template or tokenizer ${what}; use a base with another one`);
