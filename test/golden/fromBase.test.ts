/** Compares PiSSA and OLoRA with PEFT: the initial values and the training. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../trainer/compile/compile.ts";
import { Engine } from "../../trainer/engine/engine.ts";
import { aSpec } from "../../trainer/testing/compiledRun.ts";
import { modelConfigOf, tensorsOf } from "../support/modelDirectory.ts";
import { goldenPath, ourTensors, readCase } from "./goldens.ts";
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";
import { distance } from "./measure.ts";

/** PEFT decomposes in F32, which rotates the vectors of close singular values by up to 1e-4; its QR decomposition is exact. */
const bounds = { pissa: 1e-3, olora: 1e-5 };
const cases = ["pissa", "olora"] as const;

holdCases(cases, {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});

holdCases(["pissa-qwen2", "olora-qwen3"], { "cpu in F32": onCpu });

for (const name of cases) {
  test(`${name} starts as in PEFT, up to the sign of a singular vector, with the same bits each time`, async () => {
    const golden = readCase(name);
    const { base, method } = golden.settings;
    const model = modelConfigOf(goldenPath(base));
    const initial = async (seed: number) => {
      const engine = new Engine(compile(aSpec({ model, method })), { threads: 1 });
      const tensors = await tensorsOf(goldenPath(base));
      await engine.initialise(tensors, seed);
      const values = engine
        .stateOf("parameter")
        .map(({ name, shape }) => ({ name, shape, values: Float32Array.from(engine.floats("parameter", name)) }));
      engine.close();
      return values;
    };
    const ours = await initial(1);
    assert.deepEqual(ours, await initial(2));
    const theirs = ourTensors(golden, "initial/");
    for (const { name: tensor, shape, values } of ours) {
      const expected = theirs.get(tensor)!;
      const [rank, columnsOfB] = tensor.endsWith("A.weight") ? [shape[0]!, undefined] : [shape[1]!, shape[1]!];
      for (let k = 0; k < rank; k++) {
        const vector = (of: Float32Array) =>
          columnsOfB === undefined
            ? of.subarray((k * of.length) / rank, ((k + 1) * of.length) / rank)
            : of.filter((_, index) => index % columnsOfB === k);
        const [a, b] = [vector(values), vector(expected)];
        const away = Math.min(
          distance(a, b),
          name === "pissa"
            ? distance(
                a.map((value) => -value),
                b,
              )
            : 2,
        );
        assert.ok(away < bounds[name], `${tensor}, ${k} is ${away} away`);
      }
    }
  });
}
