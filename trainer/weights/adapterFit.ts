/** Whether an adapter's tensors are those of a model's adapted layers. Pure. */
import { CompileError, declare } from "../compile/compile.ts";
import { corrupt, invalid } from "../contract/failure.ts";
import type { MethodSettings } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import { elementsOf } from "../graph/tensor.ts";
import type { AdapterTensors } from "./merge.ts";

/** The parameters and the layers of a model with a method. Throws a failure if the model has no such layers. */
export function declaredWith(method: MethodSettings, model: ModelConfig) {
  const storage = { dense: "F32", linear: "F32", doubleQuantization: false } as const;
  const shape = { device: "cpu", precision: "F32", rowTokens: 1, microRows: 1, recomputedBlocks: 0 } as const;
  try {
    const { parts, sites } = declare({ model, method, storage, ...shape });
    return { parameters: [...parts.variables.parameters.values()].map(({ theta }) => theta), sites };
  } catch (error) {
    if (error instanceof CompileError) throw invalid("AdapterUnsupported", error.message);
    throw error;
  }
}

interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Throws a failure that names a missing, an unknown or a misshapen tensor. `parameters`: of the model with the method. */
export function requireFit(parameters: readonly Parameter[], tensors: AdapterTensors): void {
  const wanted = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const missing = parameters.find(({ name }) => !tensors.has(name));
  if (missing) throw corrupt("AdapterMismatch", `the adapter has no ${missing.name}, which its target_modules imply`);
  for (const [name, values] of tensors) {
    const shape = wanted.get(name);
    if (!shape) throw corrupt("AdapterMismatch", `the adapter has ${name}, but this model has no such layer`);
    if (elementsOf(shape) === values.length) continue;
    throw corrupt(
      "AdapterMismatch",
      `${name} of the adapter has ${values.length} numbers, but this model expects [${shape.join(", ")}]`,
    );
  }
}
