/** The rows that each method merges do what the model with the adapter does, on random models of each family with biases or without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { declarations, usualMethod } from "../contract/methods/index.ts";
import { aSpec, batchOf, TestRun, tinyModel } from "../testing/compiledRun.ts";
import { randoms, relativeError } from "../testing/graphs.ts";
import { mergeTensor } from "../weights/merge.ts";
import { methodOf } from "./index.ts";

const families = ["llama", "qwen2"] as const;

/** Methods that need biases. */
const onlyWithBiases = ["bitfit"];

/** A model whose dimensions follow from the seed. */
function randomModel(family: (typeof families)[number], seed: number): typeof tinyModel {
  const random = randoms(seed);
  const pick = (least: number, most: number) => least + Math.floor((random() + 0.5) * (most - least + 1));
  const kvHeads = pick(1, 2);
  return {
    ...tinyModel,
    family,
    hiddenSize: pick(5, 30),
    intermediateSize: pick(5, 40),
    layers: 1,
    heads: kvHeads * pick(1, 3),
    kvHeads,
    headDim: 8,
  };
}

for (const { kind, mergeRefusal, result } of declarations) {
  if (result === "Model" || mergeRefusal !== undefined) continue;
  test(`${kind}: a merged model computes the same as its base with the adapter`, async () => {
    const settings = usualMethod(kind);
    const method = methodOf(settings);
    for (const [index, seed] of [1, 2, 3, 4, 5, 6].entries()) {
      const model = randomModel(onlyWithBiases.includes(kind) ? "qwen2" : families[index % 2]!, seed);
      const on = { precision: "F64", model } as const;
      const adapted = new TestRun(compile(aSpec({ ...on, method: settings })), { backend: "reference64" });
      const trained = new Map(adapted.names("parameter").map((name) => [name, adapted.floats("parameter", name)]));
      const { training: _, ...plain } = aSpec({ ...on, method: { kind: "none" } });
      const merged = new TestRun(compile(plain), {
        backend: "reference64",
        change: (tensor, values) => mergeTensor(tensor, values, method, trained),
      });
      const batch = batchOf([{ id: 0, tokens: [3, 17, 28, 3, 9, 11] }], 12, 1);
      const [ours, theirs] = await Promise.all([nllOf(merged, batch), nllOf(adapted, batch)]);
      assert(relativeError(ours, theirs) < 1e-5, `${kind} on ${JSON.stringify(model)}`);
      adapted.close();
      merged.close();
    }
  });
}

async function nllOf(run: TestRun, batch: ReturnType<typeof batchOf>) {
  await run.run({ program: "derive" });
  const made = await run.run({ program: "evaluate", trainedRows: 12 }, batch);
  return made.nll!.subarray(0, 5);
}
