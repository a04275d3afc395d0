/** The methods by name, with settings applied. A new method is a file beside this one and a line here. */
import type { CompileSpec } from "../graph/compiled.ts";
import { full } from "./full.ts";
import { lora } from "./lora.ts";
import { type BoundMethod, bind } from "./method.ts";

export function methodOf(settings: CompileSpec["method"]): BoundMethod {
  switch (settings.kind) {
    case "lora":
      return bind(lora, settings);
    case "full":
      return bind(full, settings);
    case "none":
      return bind({ kind: "none" }, settings);
  }
}
