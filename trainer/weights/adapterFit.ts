/** Whether an adapter's tensors are those of a model's adapted layers. Pure. */
import { corrupt } from "../contract/failure.ts";
import { elementsOf } from "../graph/tensor.ts";
import type { AdapterTensors } from "./merge.ts";

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
