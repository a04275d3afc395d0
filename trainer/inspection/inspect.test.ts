/** Analyses of adapters with known spectra: their directions are cosines, which are orthonormal. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MethodSettings } from "../contract/methods/index.ts";
import { declarations, usualMethod } from "../contract/methods/index.ts";
import { Stores } from "../stores/stores.ts";
import { tinyLora } from "../testing/compiledRun.ts";
import { uniform } from "../testing/opCases.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { randomAdapter } from "../testing/tinyAdapter.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import type { PeftAdapter } from "../weights/adapterSource.ts";
import { MergeBase } from "../weights/mergeBase.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { adviceOf } from "./advice.ts";
import { inspectAdapter, largestRank, type SiteInspection } from "./inspect.ts";
import { effectiveRank, normOf, spectrumOfMatrix, spectrumOfProduct, valuesFor } from "./spectrum.ts";

/** Cosine k ≥ 1 of `size` elements, of norm 1; different ones are orthogonal. */
const cosine = (k: number, size: number) =>
  Float64Array.from({ length: size }, (_, i) => Math.sqrt(2 / size) * Math.cos((Math.PI * (i + 0.5) * k) / size));

/** B [out, r] and A [r, in] of Σ value·left·rightᵀ, each factor mixed by an invertible matrix, so that neither is orthogonal. */
function factors(out: number, width: number, directions: readonly { value: number; left: number; right: number }[]) {
  const rank = directions.length;
  const b = new Float32Array(out * rank);
  const a = new Float32Array(rank * width);
  // B = U·M and A = M⁻¹·S·Vᵀ with M = I + a strictly lower triangle of ones; M⁻¹ subtracts neighbours in turn.
  for (let row = 0; row < out; row++) {
    for (let k = 0; k < rank; k++) {
      for (let j = k; j < rank; j++) b[row * rank + k]! += cosine(directions[j]!.left, out)[row]!;
    }
  }
  for (let k = 0; k < rank; k++) {
    for (let column = 0; column < width; column++) {
      const of = (j: number) => (j < 0 ? 0 : directions[j]!.value * cosine(directions[j]!.right, width)[column]!);
      a[k * width + column] = of(k) - of(k - 1);
    }
  }
  return { a, b, rank };
}

const [out, width] = [32, 24];
const directions = [
  { value: 8, left: 3, right: 5 },
  { value: 2, left: 1, right: 2 },
  { value: 0.25, left: 7, right: 9 },
];

const near = (actual: ArrayLike<number>, expected: readonly number[], bound = 1e-5) => {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i]! - value) <= bound * (1 + Math.abs(value)), `${actual[i]}, ${value}`);
};

test("the spectrum of a product is that of its directions, and equals the spectrum of the dense matrix", async () => {
  const { a, b, rank } = factors(out, width, directions);
  const spectrum = await spectrumOfProduct({ a, b, rank, scale: 0.5 }, 1);
  near(spectrum.values, [4, 1, 0.125]);
  for (const [k, { left, right }] of directions.entries()) {
    const along = (vector: Float64Array, size: number, of: Float64Array) =>
      Math.abs(vector.subarray(k * size, (k + 1) * size).reduce((sum, value, i) => sum + value * of[i]!, 0));
    assert.ok(Math.abs(along(spectrum.left, out, cosine(left, out)) - 1) < 1e-5);
    assert.ok(Math.abs(along(spectrum.right, width, cosine(right, width)) - 1) < 1e-5);
  }
  const dense = new Float32Array(out * width).map((_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    return (
      0.5 * Array.from({ length: rank }, (__, k) => b[row * rank + k]! * a[k * width + column]!).reduce((x, y) => x + y)
    );
  });
  near((await spectrumOfMatrix(dense, out, width, 1)).values.subarray(0, 3), [4, 1, 0.125]);
});

test("ranks follow from the values: r equal ones have effective rank r, and a product of lower rank has fewer values", async () => {
  assert.ok(Math.abs(effectiveRank({ values: Float64Array.of(3, 3, 3, 3) }) - 4) < 1e-12);
  assert.equal(effectiveRank({ values: Float64Array.of() }), 0);
  assert.equal(valuesFor(0.99, { values: Float64Array.of(4, 1, 0.1), norm: Math.hypot(4, 1, 0.1) }), 2);
  assert.equal(valuesFor(0.99, { values: Float64Array.of(1), norm: 2 }), undefined);
  const twice = factors(out, width, [directions[0]!, directions[1]!, { value: 0, left: 9, right: 1 }]);
  near((await spectrumOfProduct({ ...twice, scale: 1 }, 1)).values, [8, 2]);
  const zeros = { a: twice.a, b: new Float32Array(twice.b.length), rank: 3, scale: 1 };
  assert.deepEqual(await spectrumOfProduct(zeros, 1), {
    rows: out,
    columns: width,
    values: new Float64Array(),
    left: new Float64Array(),
    right: new Float64Array(),
    norm: 0,
  });
});

/** A LoRA adapter of q_proj of two layers: 64 × 64 in the tiny model. */
function loraOf(of: (layer: number) => ReturnType<typeof factors>): PeftAdapter {
  const tensors = [0, 1].flatMap((layer): [string, Float32Array][] => {
    const name = `model.layers.${layer}.self_attn.q_proj`;
    const { a, b } = of(layer);
    return [
      [`${name}.lora_A.weight`, a],
      [`${name}.lora_B.weight`, b],
    ];
  });
  // Rank 3, alpha 6: scale 2.
  return { settings: { ...tinyLora, rank: 3, alpha: 6, targetModules: ["q_proj"] }, tensors: new Map(tensors) };
}

const options = { base: undefined, other: undefined, threads: 1, onSite: () => {} };

async function tinyBase(t: TestContext): Promise<MergeBase> {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(directory, { dtype: "F32" });
  return await MergeBase.of(await StoredModel.inDirectory(new Stores(), `file://${directory}`));
}

test("the amplification is that of the paper: ‖ΔW‖ over the norm of W in ΔW's directions", async (t) => {
  const base = await tinyBase(t);
  const adapter = loraOf(() => factors(64, 64, directions));
  const sites = await inspectAdapter(adapter, { ...options, base });
  assert.deepEqual(
    sites.map(({ name }) => name).sort(),
    [0, 1].map((layer) => `model.layers.${layer}.self_attn.q_proj`),
  );
  for (const { name, singularValues, norm, base: beside } of sites) {
    near(singularValues, [16, 4, 0.5]);
    const w = await base.values(base.tensors.find((tensor) => tensor.name === `${name}.weight`)!);
    const inDirections = directions.flatMap(({ left }) =>
      directions.map(({ right }) => {
        const [u, v] = [cosine(left, 64), cosine(right, 64)];
        let sum = 0;
        for (let row = 0; row < 64; row++)
          for (let column = 0; column < 64; column++) sum += u[row]! * w[row * 64 + column]! * v[column]!;
        return sum;
      }),
    );
    const projected = Math.hypot(...inDirections);
    near([beside!.projected, beside!.factor, beside!.norm], [projected, norm / projected, normOf(w)], 1e-4);
    assert.ok(beside!.own > beside!.projected, "W's own strongest directions hold more of it");
  }
});

test("φ is 1 for directions that both adapters have, and counts shared ones", async () => {
  const adapter = loraOf(() => factors(64, 64, directions));
  const [same] = await inspectAdapter(adapter, { ...options, other: adapter });
  near([same!.overlap!.inputs[2]![2]!, same!.overlap!.outputs[0]![0]!, same!.overlap!.inputs[0]![2]!], [1, 1, 1]);
  // Shares its second direction of inputs with the first one's strongest, and no direction of outputs.
  const others = [
    { value: 6, left: 11, right: 21 },
    { value: 3, left: 13, right: 5 },
    { value: 1, left: 15, right: 23 },
  ];
  const [one] = await inspectAdapter(adapter, { ...options, other: loraOf(() => factors(64, 64, others)) });
  const { inputs, outputs, byChance } = one!.overlap!;
  near([inputs[0]![0]!, inputs[0]![1]!, inputs[2]![2]!], [0, 1, 1 / 3]);
  near([outputs[2]![2]!, byChance.inputs], [0, 3 / 64]);
});

test("methods without a product need the base, and have the norm of what they merge; a prompt has no update", async (t) => {
  const dense: MethodSettings = {
    ...usualMethod("loha"),
    kind: "loha",
    rank: 2,
    targetModules: ["q_proj"],
  } as MethodSettings;
  const next = uniform(3);
  const random = (count: number) => Float32Array.from({ length: count }, () => next() - 0.5);
  const name = "model.layers.0.self_attn.q_proj";
  const parts = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"];
  const layers = [name, name.replace("0", "1")];
  const tensors = new Map(
    layers.flatMap((layer) => parts.map((part) => [`${layer}.${part}`, random(2 * 64)] as const)),
  );
  const adapter = { settings: dense, tensors };
  await assert.rejects(inspectAdapter(adapter, options), /loha is no product of low rank.*--base/);
  const base = await tinyBase(t);
  const [site] = await inspectAdapter(adapter, { ...options, base });
  const cut = { settings: dense, tensors: new Map([...tensors].filter(([key]) => key.startsWith(name))) };
  await assert.rejects(inspectAdapter(cut, { ...options, base }), /the adapter has no .*layers\.1.*hada_w1_a/);
  assert.equal(site!.name, name);
  // The element-wise product of two matrices of rank 2 has rank 4.
  assert.equal(site!.singularValues.filter((value) => value > 1e-4 * site!.singularValues[0]!).length, 4);
  assert.ok(site!.norm > 0 && site!.base!.factor > 0);
  const biases = { settings: usualMethod("bitfit"), tensors: new Map([["model.norm.bias", random(64)]]) };
  await assert.rejects(inspectAdapter(biases, options), /bitfit is no product/);
  const prompt = { settings: usualMethod("promptTuning"), tensors: new Map() };
  await assert.rejects(inspectAdapter(prompt, options), /promptTuning has no update ΔW/);
});

/** Methods whose adapters have no ΔW of a matrix, and the reason that the user reads; the others have one of each adapted matrix. */
const withoutUpdate: Readonly<Record<string, RegExp>> = {
  xlora: /method xlora has no update ΔW: .* mixes its adapters for each token anew/,
  bottleneck: /method bottleneck has no update ΔW: .* networks with a nonlinearity/,
  prefixTuning: /method prefixTuning has no update ΔW: .* keys and values before each example/,
  promptTuning: /method promptTuning has no update ΔW: .* embeddings before each example/,
  pTuning: /method pTuning has no update ΔW: .* embeddings before each example/,
  bitfit: /bitfit changes no matrix, but only vectors, such as biases/,
};

for (const { kind, result } of declarations.filter((one) => one.result === "Adapter")) {
  test(`an ${result.toLowerCase()} of ${kind} is analysed, or refused with the reason`, async (t) => {
    const directory = await temporaryDirectory(t);
    await writeTinyModel(directory, { dtype: "F32", family: "qwen2" });
    const model = await StoredModel.inDirectory(new Stores(), `file://${directory}`);
    const base = await MergeBase.of(model);
    const mixed = { givenAdapters: { ranks: [2, 2], modules: ["self_attn.q_proj"] } };
    const config = { ...(await model.config()), ...(kind === "xlora" && mixed) };
    const given = ["a", "b"].map((name) => ({ uri: `pvc://adapters/${name}` }));
    const adapter = randomAdapter(config, { [kind]: kind === "xlora" ? { adapters: given } : {} });
    const refusal = withoutUpdate[kind];
    if (refusal) {
      await assert.rejects(inspectAdapter(adapter, { ...options, base }), refusal);
      return;
    }
    const sites = await inspectAdapter(adapter, { ...options, base, other: adapter });
    assert.ok(sites.length >= 6);
    for (const { norm, singularValues, base: beside, overlap } of sites) {
      assert.ok(norm > 0 && singularValues[0]! > 0 && beside!.factor > 0);
      assert.ok(Math.abs(overlap!.inputs.at(-1)!.at(-1)! - 1) < 1e-6, "an adapter has its own directions");
    }
    assert.ok(adviceOf(sites, largestRank(adapter)).length > 0);
  });
}

const siteOf = (name: string, norm: number, changes: Partial<SiteInspection> = {}): SiteInspection => ({
  name,
  rows: 64,
  columns: 64,
  singularValues: [norm],
  norm,
  effectiveRank: 1,
  rank99: 1,
  ...changes,
});

const advised: [string, readonly SiteInspection[], number | undefined, RegExp][] = [
  ["nothing was learnt", [siteOf("a.q_proj", 0)], 8, /changes nothing/],
  ["a rank is far too high", [siteOf("a.q_proj", 1, { rank99: 3 })], 16, /rank 4 instead of 16 would be enough/],
  ["a rank is used up", [siteOf("a.q_proj", 1, { rank99: 8, effectiveRank: 7.9 })], 8, /rank 16 may learn more/],
  ["a rank fits", [siteOf("a.q_proj", 1, { rank99: 6, effectiveRank: 4 })], 8, /rank 8 fits/],
  ["another method's update has low rank", [siteOf("a.q_proj", 1, { rank99: 3 })], undefined, /lora with rank 4/],
  [
    "a module hardly changes",
    [siteOf("a.q_proj", 5), siteOf("a.v_proj", 0.05)],
    1,
    /little changes in v_proj \(1\.0 %\)/,
  ],
];
for (const [title, sites, rank, words] of advised) {
  test(`advice where ${title}`, () => assert.match(adviceOf(sites, rank).join("\n"), words));
}
