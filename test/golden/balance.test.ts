/** Compares the loss that balances routers with transformers' (balance.py); it depends on nothing but the examples. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CompileError, compile } from "../../trainer/compile/compile.ts";
import { effectiveMethod } from "../../trainer/contract/methods/index.ts";
import { aSpec, batchOf, type Example, TestRun, tinyModel } from "../../trainer/testing/compiledRun.ts";
import { relativeError } from "../../trainer/testing/graphs.ts";
import { readBalanced } from "./goldens.ts";
import { holdGradients, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

const variants = {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
};

describe("routers with the loss that balances them", () => {
  for (const golden of readBalanced())
    for (const [where, variant] of Object.entries(variants))
      holdGradients(golden, variant, `${golden.name} on ${where}: loss and every gradient equal transformers'`);
});

const model = {
  ...tinyModel,
  family: "mixtral",
  experts: { count: 5, chosen: 2, width: 12 },
  normalizesExperts: true,
} as const;
const training = { ...aSpec().training!, routerAuxLoss: 0.3 };
const examples: Example[] = [
  { id: 3, tokens: [1, 5, 9, 2, 7] },
  { id: 8, tokens: [4, 4, 11] },
];

async function stepOf(changes: Parameters<typeof aSpec>[0], batches: readonly (readonly Example[])[]) {
  const spec = aSpec({ model, training, ...changes });
  const run = new TestRun(compile(spec), { backend: "cpu" });
  const loss = await run.step(batches.map((batch) => batchOf(batch, spec.rowTokens * spec.microRows, 0.1)));
  const gradient = run.gradients().get("model.layers.0.mlp.gate.weight")!;
  run.close();
  return { loss, gradient };
}

test("it is the same for examples in one micro-batch or in several, and for any padding", async () => {
  const together = await stepOf({}, [examples]);
  const others = [
    await stepOf(
      {},
      examples.map((example) => [example]),
    ),
    await stepOf({ microRows: 3, recomputedBlocks: 1 }, [[...examples].reverse()]),
  ];
  for (const { loss, gradient } of others) {
    assert.ok(Math.abs(loss / together.loss - 1) < 1e-6);
    assert.ok(relativeError(gradient, together.gradient) < 1e-6);
  }
  const without = await stepOf({ training: aSpec().training! }, [examples]);
  assert.ok(together.loss > without.loss + 0.1 * 6 * 0.3, "an even load alone adds more than the coefficient");
});

test("an evaluation has none of it", async () => {
  const lossOf = async (changes: Parameters<typeof aSpec>[0]) => {
    const run = new TestRun(compile(aSpec({ model, ...changes })), { backend: "cpu" });
    await run.run({ program: "begin" });
    await run.run({ program: "derive" });
    await run.run({ program: "evaluate", trainedRows: 12 }, batchOf(examples, 12, 0.1));
    const { loss } = run;
    run.close();
    return loss;
  };
  assert.equal(await lossOf({ training }), await lossOf({}));
});

test("it is refused with the reason where there is no router, or the router stays frozen", () => {
  const refused = (changes: Parameters<typeof aSpec>[0], reason: RegExp) =>
    assert.throws(
      () => compile(aSpec({ training, ...changes })),
      (error) => error instanceof CompileError && reason.test(error.message),
    );
  refused(
    {},
    /training\.routerAuxLoss balances the router of a mixture of experts, and this model has none: remove it/,
  );
  const method = effectiveMethod({ lora: {} });
  refused({ model, method }, /the router, which stays frozen: train it by gate in method\.lora\.modulesToSave/);
  const gptOss = { ...model, family: "gpt_oss", attentionBias: true } as const;
  refused({ model: gptOss, method }, /train it by router in method\.lora\.modulesToSave/);
  assert.ok(compile(aSpec({ model, training, method: effectiveMethod({ lora: { modulesToSave: ["gate"] } }) })));
  assert.ok(compile(aSpec({ model: gptOss, training, method: effectiveMethod({ bitfit: {} }) })), "its bias trains");
});
