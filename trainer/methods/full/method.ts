/** Full fine-tuning: every tensor of the base is a parameter, held in F32 from the base's value. */
import { full as declaration } from "../../contract/methods/full.ts";
import { defineMethod } from "../method.ts";

export const full = defineMethod(declaration, {
  describe: () => "full fine-tuning",
  trains: () => true,
});
