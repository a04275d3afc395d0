/** Noise on embeddings (NEFTune) and label smoothing in whole programs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile, declare } from "../compile/compile.ts";
import { microGraph } from "../compile/programs.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { aSpec, batchOf, type Example, TestRun, tinyLora, tinyModel } from "../testing/compiledRun.ts";

const examples: Example[] = [
  { id: 3, tokens: [1, 5, 9, 2, 7] },
  { id: 8, tokens: [4, 4, 11] },
];
const trainingWith = (more: Partial<NonNullable<CompileSpec["training"]>>): NonNullable<CompileSpec["training"]> => ({
  ...aSpec().training!,
  ...more,
});

/** The losses of each example's tokens, each list of examples being a micro-batch. */
async function losses(
  changes: Partial<CompileSpec>,
  batches: readonly (readonly Example[])[],
  program: "micro" | "evaluate",
) {
  const spec = aSpec({ method: tinyLora, ...changes });
  const run = new TestRun(compile(spec), { backend: "cpu" });
  const found = new Map<number, readonly number[]>();
  await run.run({ program: "begin" });
  await run.run({ program: "derive" });
  const key = { program, trainedRows: run.compiled.trainedRowBuckets.at(-1) ?? 0 } as const;
  for (const batch of batches) {
    const { nll } = await run.run(key, batchOf(batch, spec.rowTokens * spec.microRows, 0.1));
    let at = 0;
    for (const { id, tokens } of batch) {
      found.set(id, [...nll!.slice(at, at + tokens.length - 1)]);
      at += tokens.length - 1;
    }
  }
  run.close();
  return [...found].sort(([a], [b]) => a - b);
}

test("noise depends on an example's key and its own length: packed and alone, in any micro-batch, it has the same bits", async () => {
  const training = trainingWith({ neftuneNoiseAlpha: 5 });
  const packed = await losses({ training }, [examples], "micro");
  const alone = await losses(
    { training, recomputedBlocks: 1 },
    examples.map((example) => [example]),
    "micro",
  );
  assert.deepEqual(alone, packed);
  assert.deepEqual(await losses({ training, microRows: 2 }, [[...examples].reverse()], "micro"), packed);
  const without = await losses({}, [examples], "micro");
  for (const [index, [, nll]] of packed.entries()) {
    assert.ok(nll.every((loss, at) => loss !== without[index]![1][at]));
  }
});

test("an evaluation has no noise, and is smoothed as the training is", async () => {
  const plain = await losses({}, [examples], "evaluate");
  const noisy = await losses({ training: trainingWith({ neftuneNoiseAlpha: 5 }) }, [examples], "evaluate");
  assert.deepEqual(noisy, plain);
  const training = trainingWith({ labelSmoothing: 0.1 });
  const smoothed = await losses({ training }, [examples], "evaluate");
  assert.notDeepEqual(smoothed, plain);
  const [trained, evaluated] = [await losses({ training }, [examples], "micro"), smoothed];
  assert.deepEqual(trained, evaluated);
});

test("noise is behind the factor of Gemma's embeddings and before Granite's, as transformers counts them", () => {
  const producer = (model: CompileSpec["model"]) => {
    const { parts } = declare(aSpec({ model, training: trainingWith({ neftuneNoiseAlpha: 5 }) }));
    const { nodes } = microGraph(parts, 12, 16);
    const noisy = nodes.find(({ op }) => op.name === "noise");
    return nodes.find(({ outputs }) => Object.values(outputs).includes(noisy?.operands.x))?.op.name;
  };
  const capped = { slidingWindow: 8, slidingLayers: [0] } as const;
  assert.equal(producer({ ...tinyModel, family: "gemma2", ...capped }), "cast");
  const multipliers = { embedding: 12, residual: 0.2, logits: 8 };
  assert.equal(producer({ ...tinyModel, family: "granite", multipliers }), "embed");
  assert.equal(producer(tinyModel), "embed");
});
