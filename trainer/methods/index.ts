/** The methods by name, with settings applied. A new method is a file beside this one and a line here. */
import { type MethodSettings, resultOf } from "../contract/methods.ts";
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

/** How what a training left is run: beside its base, or by itself where it is a model, to which nothing is added. */
export function methodToRun(settings: MethodSettings): CompileSpec["method"] {
  switch (resultOf(settings)) {
    case "Adapter":
      return settings;
    case "Model":
      return { kind: "none" };
  }
}
