/** The plan of every method on one small model: the number of its parameters, by the shapes of its paper, and its state by category. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { effectiveSettings } from "../contract/effective.ts";
import { declarations } from "../contract/methods/index.ts";
import { type PlanInput, plan } from "./plan.ts";
import { cpuTarget } from "./target.ts";

const layers = 6;

const model: PlanInput["model"] = {
  family: "llama",
  vocabSize: 1000,
  hiddenSize: 128,
  intermediateSize: 384,
  layers,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  contextLength: 1024,
  ropeTheta: 10_000,
  rmsNormEps: 1e-5,
  tieWordEmbeddings: true,
};

/** The linear layers of a block, [out, in]: query, key, value, output; gate, up, down. */
const matrices = [
  [128, 128],
  [64, 128],
  [64, 128],
  [128, 128],
  [384, 128],
  [384, 128],
  [128, 384],
] as const;

/** The sum over all linear layers. */
const sum = (of: (out: number, width: number) => number): number =>
  layers * matrices.reduce((total, [out, width]) => total + of(out, width), 0);

const sides = sum((out, width) => out + width);
const weights = sum((out, width) => out * width);
const outs = sum((out) => out);
const base = 1000 * 128 + weights + (2 * layers + 1) * 128;

/** A side of the smaller factor of a Kronecker product: 128 = 8·16, 64 = 8·8, 384 = 16·24. */
const smaller = (side: number) => (side === 384 ? 16 : 8);
const kronecker = sum((out, width) => smaller(out) * smaller(width) + (out / smaller(out)) * (width / smaller(width)));

/** Keys and values of 20 tokens in front of every example. */
const prefix = 20 * layers * 2 * 64;

interface Entry {
  readonly parameters: number;
  /** Bytes of what the forward pass reads instead: parameters in BF16, values derived from them. */
  readonly derived: number;
  /** Elements of derived values whose gradient is summed over the micro-batches. */
  readonly summed?: number;
  /** Elements of the method's own state, in F32. */
  readonly own?: number;
  readonly model?: Partial<PlanInput["model"]>;
  readonly settings?: object;
}

const rank = 16;
const adaloraSize = 12 * sides + 12 * 7 * layers;

const entries: Readonly<Record<string, Entry>> = {
  lora: { parameters: rank * sides, derived: 2 * rank * sides },
  // The norm of each row of the updated matrix, in F32.
  dora: { parameters: rank * sides + outs, derived: 2 * rank * sides + 4 * outs, summed: outs },
  // The importance of each parameter and its uncertainty.
  adalora: { parameters: adaloraSize, derived: 2 * adaloraSize, own: 2 * adaloraSize },
  // A Hadamard product of rank 8·8 as factors of that rank.
  loha: { parameters: 2 * 8 * sides, derived: 2 * 64 * sides, summed: 64 * sides },
  lokr: { parameters: kronecker, derived: 0 },
  krona: { parameters: kronecker, derived: 0 },
  xlora: {
    parameters: 2 * 128 + 2,
    derived: 2 * (2 * 128 + 2),
    model: { givenAdapters: { ranks: [8, 4], modules: ["self_attn.o_proj"], layers: undefined } },
    settings: { adapters: [{ uri: "pvc://a" }, { uri: "pvc://b" }] },
  },
  ia3: { parameters: layers * (64 + 64 + 384), derived: 0 },
  bottleneck: { parameters: layers * (2 * 8 * 128 + 8 + 128), derived: 2 * layers * (2 * 8 * 128 + 8 + 128) },
  prefixTuning: { parameters: prefix, derived: 2 * prefix },
  promptTuning: { parameters: 20 * 128, derived: 2 * prefix, summed: prefix },
  pTuning: { parameters: 20 * 128 + 3 * (128 * 128 + 128), derived: 2 * prefix, summed: prefix },
  bitfit: {
    parameters: layers * (128 + 64 + 64 + 128),
    derived: 2 * layers * (128 + 64 + 64 + 128),
    model: { attentionBias: true },
  },
  // The mask.
  fishMask: { parameters: weights, derived: 2 * weights, own: weights },
  // A difference and a gate of each weight, and a gate of each matrix.
  diffPruning: { parameters: 2 * weights + 7 * layers, derived: 0 },
  intrinsicDimension: { parameters: 20_000 + 7 * layers, derived: 2 * weights, summed: weights },
  full: { parameters: base, derived: 2 * base },
};

test("every method is in the table", () => {
  assert.deepEqual(declarations.map(({ kind }) => kind).toSorted(), Object.keys(entries).toSorted());
});

for (const [kind, { parameters, derived, summed = 0, own = 0, model: changes, settings = {} }] of Object.entries(
  entries,
)) {
  test(`${kind}: a plan has the paper's number of parameters, and its state by category`, () => {
    const made = plan({
      settings: effectiveSettings({
        baseModel: { uri: "pvc://base/model" },
        dataset: { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength: 512 },
        method: { [kind]: settings },
      }),
      model: { ...model, ...changes },
      baseDataType: "BF16",
      dataset: { rows: 100, examples: 400, tokens: 50_000, validationExamples: 0, testExamples: 0 },
      availableBytes: 8e9,
      target: cpuTarget(2),
      isRemote: false,
    });
    assert.equal(made.trainableParameters, parameters);
    // Every tensor begins at a multiple of 64 bytes.
    const padding = 64 * compile(made.spec).state.length;
    const bytes = {
      parameters: 4 * parameters,
      derived,
      gradients: 4 * (parameters + summed),
      moments: 2 * 4 * parameters + 4 * own,
    };
    for (const category of ["parameters", "derived", "gradients", "moments"] as const) {
      const beside = made.memory[category] - bytes[category];
      assert.ok(beside >= 0 && beside <= padding, `${category}: ${made.memory[category]}, not ${bytes[category]}`);
    }
  });
}
