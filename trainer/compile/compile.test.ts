import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompileSpec } from "../graph/compiled.ts";
import { aligned } from "../graph/tensor.ts";
import { levelsHere } from "../testing/caseFiles.ts";
import { aSpec, batchOf, type Example, type RunOptions, TestRun, tinyLora } from "../testing/compiledRun.ts";
import { directionalError } from "../testing/directions.ts";
import { relativeError } from "../testing/graphs.ts";
import { compile } from "./compile.ts";

const examples: readonly Example[] = [
  { id: 4, tokens: [3, 17, 28, 3, 9] },
  { id: 9, tokens: [1, 5, 5, 12, 20, 7] },
];
const weight = 1 / 9;
const lora = { ...tinyLora, dropout: 0.25 };
const methods: Record<string, CompileSpec["method"]> = {
  full: { kind: "full" },
  lora: tinyLora,
  "lora with dropout": lora,
};

/** Loss and gradients of one step. */
async function stepOf(changes: Partial<CompileSpec>, batches: readonly (readonly Example[])[], options?: RunOptions) {
  const run = new TestRun(compile(aSpec(changes)), options);
  const { rowTokens, microRows } = aSpec(changes);
  const loss = await run.step(batches.map((batch) => batchOf(batch, rowTokens * microRows, weight)));
  const gradients = run.gradients();
  run.close();
  return { loss, gradients };
}

for (const [name, method] of Object.entries(methods)) {
  for (const tieWordEmbeddings of [true, false]) {
    test(`${name}, ${tieWordEmbeddings ? "tied" : "untied"} embeddings: every gradient matches finite differences`, async () => {
      const model = { ...aSpec().model, tieWordEmbeddings };
      const run = new TestRun(compile(aSpec({ model, method, precision: "F64" })), { backend: "reference64" });
      const batch = batchOf(examples, 12, weight);
      await run.step([batch]);
      const gradients = run.gradients();
      for (const [parameter, gradient] of gradients) {
        assert(
          gradient.some((value) => value !== 0),
          `${parameter} gets no gradient`,
        );
        const theta = run.floats("parameter", parameter);
        const along = { seed: parameter.length, size: 2 ** -13 };
        const error = await directionalError(theta, gradient, () => run.step([batch]), along);
        assert(error < 1e-6, `${parameter}: off by ${error}`);
      }
      run.close();
    });
  }
}

for (const [name, method] of Object.entries(methods)) {
  test(`${name}: recomputing any number of blocks gives the same bits, in less memory`, async () => {
    const kept = await stepOf({ method }, [examples]);
    for (const recomputedBlocks of [1, 2]) {
      assert.deepEqual(await stepOf({ method, recomputedBlocks }, [examples]), kept);
    }
    const arena = (recomputedBlocks: number) => {
      const compiled = compile(aSpec({ method, recomputedBlocks, microRows: 4 }));
      return compiled.program({ program: "micro", trainedRows: 48 }).arenaBytes;
    };
    assert(arena(2) < 0.8 * arena(0), `${arena(2)} of ${arena(0)} bytes`);
  });

  test(`${name}: filling dead buffers with NaN changes no bit`, async () => {
    const clean = await stepOf({ method, recomputedBlocks: 1 }, [examples], { poison: false });
    assert.deepEqual(await stepOf({ method, recomputedBlocks: 1 }, [examples], { poison: true }), clean);
  });

  test(`${name}: packed examples and examples in micro-batches of their own have the same gradient`, async () => {
    const packed = await stepOf({ method }, [examples]);
    const alone = await stepOf(
      { method },
      examples.map((example) => [example]),
    );
    const together = await stepOf({ method, microRows: 2 }, [[...examples].reverse()]);
    for (const other of [alone, together]) {
      assert(Math.abs(other.loss - packed.loss) < 1e-6 * packed.loss);
      for (const [parameter, gradient] of packed.gradients) {
        const error = relativeError(other.gradients.get(parameter)!, gradient);
        assert(error < 1e-6, `${parameter}: ${error}`);
      }
    }
  });

  test(`${name}: the cpu backend agrees with the reference, in F32 closely and in BF16 within its rounding`, async () => {
    const expected = await stepOf({ method }, [examples]);
    for (const [precision, bound] of [
      ["F32", 1e-5],
      ["BF16", 0.06],
    ] as const) {
      const made = await stepOf({ method, precision }, [examples], { backend: "cpu" });
      assert(Math.abs(made.loss - expected.loss) < bound * expected.loss);
      for (const [parameter, gradient] of expected.gradients) {
        const error = relativeError(made.gradients.get(parameter)!, gradient);
        assert(error < bound, `${precision} ${parameter}: ${error}`);
      }
    }
  });
}

test("every mixture of stored type and precision trains, on the cpu as on the reference", async () => {
  for (const stored of ["F32", "BF16"] as const) {
    for (const precision of ["F32", "BF16"] as const) {
      const storage = { dense: stored, linear: stored, doubleQuantization: false };
      const changes = { storage, precision, method: tinyLora };
      const expected = await stepOf(changes, [examples]);
      const made = await stepOf(changes, [examples], { backend: "cpu" });
      const bound = precision === "F32" ? 1e-5 : 0.05;
      for (const [parameter, gradient] of expected.gradients) {
        const error = relativeError(made.gradients.get(parameter)!, gradient);
        assert(error < bound, `${stored} in ${precision}, ${parameter}: ${error}`);
      }
    }
  }
});

const lengths: readonly Example[] = [5, 31, 1, 17, 6].map((length, id) => ({
  id,
  tokens: Array.from({ length }, (_, position) => (7 * id + 5 * position + 3) % 29),
}));

/** The loss of every trained token, by example. */
async function lossesOf(changes: Partial<CompileSpec>, batches: readonly (readonly Example[])[]) {
  const spec = aSpec({ rowTokens: 64, ...changes });
  const run = new TestRun(compile(spec), { backend: "cpu" });
  const losses = new Map<number, readonly number[]>();
  await run.run({ program: "begin" });
  await run.run({ program: "derive" });
  const key = { program: "micro", trainedRows: run.compiled.trainedRowBuckets.at(-1) ?? 0 } as const;
  for (const batch of batches) {
    const { nll } = await run.run(key, batchOf(batch, spec.rowTokens * spec.microRows, weight));
    let at = 0;
    for (const { id, tokens } of batch) {
      losses.set(id, [...nll!.slice(at, at + tokens.length - 1)]);
      at += tokens.length - 1;
    }
  }
  run.close();
  return [...losses].sort(([a], [b]) => a - b);
}

for (const level of levelsHere()) {
  test(`${level}: a token's loss is the same to the bit, whatever its example is packed with, and where`, async () => {
    process.env.LUTHIER_ISA = level;
    const bases = [
      { dense: "F32", linear: "F32", doubleQuantization: false },
      { dense: "BF16", linear: "BF16", doubleQuantization: false },
      { dense: "BF16", linear: "NF4", doubleQuantization: true },
    ] as const;
    for (const storage of bases) {
      const changes = { storage, method: lora, precision: storage.dense };
      const packed = await lossesOf(changes, [lengths]);
      assert(packed.flatMap(([, nll]) => nll).every((loss) => loss > 0));
      for (const [how, other] of [
        [
          "alone",
          await lossesOf(
            changes,
            lengths.map((example) => [example]),
          ),
        ],
        ["in another order", await lossesOf(changes, [[...lengths].reverse()])],
        ["in a larger micro-batch", await lossesOf({ ...changes, microRows: 3 }, [[...lengths].reverse()])],
      ] as const) {
        assert.deepEqual(other, packed, `${storage.linear}, ${how}`);
      }
    }
    delete process.env.LUTHIER_ISA;
  });
}

test("on the cpu neither threads nor recomputing nor poison change a bit", async () => {
  for (const method of [{ kind: "full" } as const, lora]) {
    const changes = { method, precision: "BF16", rowTokens: 150, microRows: 2 } as const;
    const long = Array.from({ length: 9 }, (_, id) => ({
      id,
      tokens: Array.from({ length: 30 }, (__, i) => (id * 7 + i * 3) % 29),
    }));
    const expected = await stepOf(changes, [long], { backend: "cpu", threads: 1, poison: false });
    const other = { backend: "cpu", threads: 2, poison: true } as const;
    assert.deepEqual(await stepOf({ ...changes, recomputedBlocks: 1 }, [long], other), expected);
  }
});

test("training lowers the loss of its data", async () => {
  for (const method of [methods.full!, tinyLora]) {
    const run = new TestRun(compile(aSpec({ method })));
    const batch = batchOf(examples, 12, weight);
    const before = await run.step([batch]);
    for (let step = 1; step <= 30; step++) {
      await run.run({ program: "optimise" }, { hyper: [0.01, 1 - 0.9 ** step, Math.sqrt(1 - 0.999 ** step)] });
      await run.step([batch]);
    }
    assert(run.loss < before / 2, `${method.kind}: ${before} to ${run.loss}`);
    run.close();
  }
});

test("the loss of an evaluation equals that of training without dropout", async () => {
  const run = new TestRun(compile(aSpec({ method: tinyLora })));
  const batch = batchOf(examples, 12, weight);
  const trained = await run.step([batch]);
  await run.run({ program: "begin" });
  await run.run({ program: "evaluate", trainedRows: 12 }, batch);
  assert.equal(run.loss, trained);
  run.close();
});

test("full fine-tuning trains the biases of a model that has them", async () => {
  const run = new TestRun(compile(aSpec({ model: { ...aSpec().model, family: "qwen2" } })));
  await run.step([batchOf(examples, 12, weight)]);
  const biases = run.compiled.state.filter(({ role, name }) => role === "gradient" && name.endsWith(".bias"));
  assert.equal(biases.length, 6);
  for (const { name } of biases)
    assert.ok(
      run.floats("gradient", name).every((value) => value !== 0),
      name,
    );
  run.close();
});

test("a step uses exactly the predicted arena, to the last aligned byte", async () => {
  for (const recomputedBlocks of [0, 2]) {
    const run = new TestRun(compile(aSpec({ method: lora, recomputedBlocks })), { backend: "cpu" });
    await run.step([batchOf(examples, 12, weight)]);
    const { arenaBytes } = run.compiled;
    assert.equal(aligned(run.arenaPeakBytes), arenaBytes);
    run.close();
  }
});

test("NF4 weights bind their nibbles, absmax and nested absmax, and other weights stay dense", () => {
  const storage = { dense: "BF16", linear: "NF4", doubleQuantization: true } as const;
  const { weights } = compile(aSpec({ storage, method: tinyLora }));
  const bound = new Map(weights.map(({ name, dtype, shape }) => [name, `${dtype} ${shape}`]));
  const down = "model.layers.0.mlp.down_proj.weight";
  assert.equal(bound.get(down), "U8 480");
  assert.equal(bound.get(`${down}.absmax`), "U8 15");
  assert.equal(bound.get(`${down}.nested_absmax`), "F32 2", "one scale, and the offset");
  assert.equal(bound.get("model.embed_tokens.weight"), "BF16 29,24");
  assert.equal(bound.get("model.norm.weight"), "BF16 24");
});

test("the same spec compiles to the same bytes", () => {
  const bytes = () => compile(aSpec({ method: lora })).program({ program: "micro", trainedRows: 12 }).bytes;
  assert.deepEqual(bytes(), bytes());
});

test("a spec that cannot be compiled is refused with the fix", () => {
  const unknown = { ...tinyLora, targetModules: ["q_proj", "w_proj"] };
  assert.throws(
    () => compile(aSpec({ method: unknown })),
    /"w_proj" is not a linear layer.*q_proj, k_proj.*all-linear/,
  );
  const storage = { dense: "F32", linear: "NF4", doubleQuantization: true } as const;
  assert.throws(
    () => compile(aSpec({ storage })),
    /NF4 cannot hold: use a base that is not quantised .*, or set method.lora/,
  );
  const model = { ...aSpec().model, slidingWindow: 5 };
  const prefix = { kind: "prefixTuning", virtualTokens: 3 } as const;
  assert.throws(
    () => compile(aSpec({ model, method: prefix })),
    /every token to attend to the 3 virtual tokens.*set method\.lora/,
  );
  assert.throws(() => compile(aSpec({ recomputedBlocks: 3 })), /0 to the model's 2 layers, and is 3/);
});
