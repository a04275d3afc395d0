/** Full fine-tuning: every tensor of the base is a parameter, held in F32 from the base's value. */
import { full as declaration } from "../../contract/methods/full.ts";
import { defineMethod } from "../method.ts";

export const full = defineMethod(declaration, {
  describe: () => "full fine-tuning",

  check(_settings, { storage }) {
    if (storage.linear !== "NF4") return undefined;
    return "method full trains the base's own weights, which NF4 cannot hold: use a base in BF16 or F32, or method lora";
  },
  trains: () => true,
});
