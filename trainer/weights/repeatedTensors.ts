/** Tensors of the base that an adapter's file repeats: they must be those of the base that it is applied to. */
import { corrupt } from "../contract/failure.ts";
import { type BaseTensors, baseValues } from "../engine/baseValues.ts";
import { isFloatType } from "../formats/bfloat16.ts";
import type { PeftAdapter } from "./adapterSource.ts";
import { encodeValues } from "./merge.ts";

/** Throws a failure if a tensor that the adapter repeats differs from the base's. */
export async function requireRepeated(base: BaseTensors, { repeated }: PeftAdapter): Promise<void> {
  for (const [name, { dtype, shape, data }] of repeated ?? []) {
    const sameShape = base.table.get(name)?.shape.join() === shape.join();
    const values = sameShape ? await baseValues(base, { name, shape }) : undefined;
    if (values && Buffer.compare(encodeValues(values, isFloatType(dtype) ? dtype : "F32"), data) === 0) continue;
    throw corrupt(
      "AdapterMismatch",
      `the adapter holds a ${name} of its own, which differs from the base's (PEFT saves an embedding that was resized): use the base that it was trained on, saved with that embedding`,
    );
  }
}
