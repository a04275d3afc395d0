/** The methods by name. A new method is a folder beside this file and a line in `methods`. */
import { type MethodSettings, registerDeclaration, resultOf } from "../contract/methods/index.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { adalora } from "./adalora/method.ts";
import { bitfit } from "./bitfit/method.ts";
import { bottleneck } from "./bottleneck/method.ts";
import { diffPruning } from "./diffPruning/method.ts";
import { dora } from "./dora/method.ts";
import { fishMask } from "./fishMask/method.ts";
import { full } from "./full/method.ts";
import { ia3 } from "./ia3/method.ts";
import { intrinsicDimension } from "./intrinsicDimension/method.ts";
import { krona } from "./krona/method.ts";
import { loha } from "./loha/method.ts";
import { lokr } from "./lokr/method.ts";
import { lora } from "./lora/method.ts";
import { type BoundMethod, noMethod, type RegisteredMethod } from "./method.ts";
import { prefixTuning } from "./prefixTuning/method.ts";
import { promptTuning } from "./promptTuning/method.ts";
import { pTuning } from "./pTuning/method.ts";
import { xlora } from "./xlora/method.ts";

const methods: readonly RegisteredMethod[] = [
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
];

const known = new Map<string, RegisteredMethod>(methods.map((one) => [one.declaration.kind, one]));

/** Registers a method for tests until it is disposed of; users cannot choose it. */
export function registerMethod(method: RegisteredMethod): Disposable {
  const { kind } = method.declaration;
  const declaration = registerDeclaration(method.declaration);
  known.set(kind, method);
  return {
    [Symbol.dispose]() {
      known.delete(kind);
      declaration[Symbol.dispose]();
    },
  };
}

/** All methods. */
export const registeredMethods = (): readonly RegisteredMethod[] => [...known.values()];

export const methodOf = (settings: CompileSpec["method"]): BoundMethod =>
  settings.kind === "none" ? noMethod : bound(settings);

function bound(settings: MethodSettings): BoundMethod {
  const method = known.get(settings.kind);
  if (!method) throw new Error(`unknown method ${settings.kind}; use one of ${[...known.keys()].join(", ")}`);
  return method.bind(settings);
}

/** The way to run a training's result: an adapter with its base, or a whole model. */
export function methodToRun(settings: MethodSettings): CompileSpec["method"] {
  switch (resultOf(settings)) {
    case "Adapter":
      return methodOf(settings).saved;
    case "Model":
      return { kind: "none" };
  }
}
