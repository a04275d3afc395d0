import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { aSpec, batchOf, type Example, TestRun, tinyModel } from "../testing/compiledRun.ts";
import { relativeError } from "../testing/graphs.ts";

/** Llama in plain loops over one sequence, written from the paper: the reference for all other implementations. */
class PlainLlama {
  readonly #weights: (name: string) => Float32Array;

  constructor(weights: (name: string) => Float32Array) {
    this.#weights = weights;
  }

  /** Logits after each token. */
  logits(ids: readonly number[]): number[][] {
    const { hiddenSize: d, layers, tieWordEmbeddings, vocabSize } = tinyModel;
    const embedding = this.#weights("model.embed_tokens.weight");
    let xs = ids.map((id) => Array.from(embedding.subarray(id * d, (id + 1) * d)));
    for (let layer = 0; layer < layers; layer++) xs = this.#block(xs, `model.layers.${layer}`);
    const head = tieWordEmbeddings ? "model.embed_tokens" : "lm_head";
    return xs.map((x) => this.#linear(this.#norm(x, "model.norm"), head, vocabSize));
  }

  #block(xs: number[][], at: string): number[][] {
    const { heads, kvHeads, headDim, hiddenSize: d, intermediateSize: f } = tinyModel;
    const hs = xs.map((x) => this.#norm(x, `${at}.input_layernorm`));
    const turned = (h: number[], position: number, name: string, count: number) =>
      rotate(this.#linear(h, `${at}.self_attn.${name}`, count * headDim), position);
    const qs = hs.map((h, position) => turned(h, position, "q_proj", heads));
    const ks = hs.map((h, position) => turned(h, position, "k_proj", kvHeads));
    const vs = hs.map((h) => this.#linear(h, `${at}.self_attn.v_proj`, kvHeads * headDim));
    return xs.map((x, t) => {
      const attended = this.#linear(attend(qs[t]!, ks.slice(0, t + 1), vs), `${at}.self_attn.o_proj`, d);
      const middle = plus(x, attended);
      const n = this.#norm(middle, `${at}.post_attention_layernorm`);
      const gate = this.#linear(n, `${at}.mlp.gate_proj`, f);
      const up = this.#linear(n, `${at}.mlp.up_proj`, f);
      const inner = gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
      return plus(middle, this.#linear(inner, `${at}.mlp.down_proj`, d));
    });
  }

  #linear(x: readonly number[], name: string, out: number): number[] {
    const w = this.#weights(`${name}.weight`);
    return Array.from({ length: out }, (_, o) => x.reduce((sum, value, i) => sum + value * w[o * x.length + i]!, 0));
  }

  #norm(x: readonly number[], name: string): number[] {
    const w = this.#weights(`${name}.weight`);
    const rms = Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0) / x.length + tinyModel.rmsNormEps);
    return x.map((value, i) => (value / rms) * w[i]!);
  }
}

const plus = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value + b[i]!);

function rotate(x: readonly number[], position: number): number[] {
  const { headDim, ropeTheta } = tinyModel;
  return x.map((value, i) => {
    const inHead = i % headDim;
    const half = headDim / 2;
    const angle = position * ropeTheta ** ((-2 * (inHead % half)) / headDim);
    const other = inHead < half ? -x[i + half]! : x[i - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function attend(q: readonly number[], ks: readonly number[][], vs: readonly number[][]): number[] {
  const { heads, kvHeads, headDim } = tinyModel;
  return q.map((_, i) => {
    const head = Math.floor(i / headDim);
    const from = Math.floor((head * kvHeads) / heads) * headDim;
    const scores = ks.map((k) => {
      const products = Array.from({ length: headDim }, (__, c) => q[head * headDim + c]! * k[from + c]!);
      return Math.exp(products.reduce((a, b) => a + b) / Math.sqrt(headDim));
    });
    const total = scores.reduce((a, b) => a + b);
    return scores.reduce((sum, score, t) => sum + (score / total) * vs[t]![from + (i % headDim)]!, 0);
  });
}

const ids = [3, 17, 28, 3, 9, 11];
const generation = { slots: 2, capacity: 16, prefillTokens: 8 };

const negativeLogLikelihood = (logits: readonly number[], target: number) =>
  Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[target]!;

test("the compiled forward pass equals Llama in plain loops", async () => {
  const run = new TestRun(compile(aSpec({ precision: "F64" })), { backend: "reference64" });
  const plain = new PlainLlama((name) => run.floats("parameter", name));
  const example: Example = { id: 0, tokens: ids };
  await run.run({ program: "derive" });
  const { nll } = await run.run({ program: "evaluate", trainedRows: 12 }, batchOf([example], 12, 1));
  const logits = plain.logits(ids);
  const expected = ids.slice(1).map((target, t) => negativeLogLikelihood(logits[t]!, target));
  run.close();
  assert(relativeError(nll!.subarray(0, expected.length), expected) < 1e-6);
});

test("an answer's log-likelihood is bit-identical for any examples packed beside it", async () => {
  for (const precision of ["F32", "BF16"] as const) {
    const run = new TestRun(compile(aSpec({ precision, rowTokens: 40 })), { backend: "cpu" });
    const example: Example = { id: 1, tokens: ids };
    const other: Example = { id: 2, tokens: Array.from({ length: 31 }, (_, i) => (7 * i) % 29) };
    await run.run({ program: "derive" });
    const nllOf = async (examples: readonly Example[]) => {
      const made = await run.run({ program: "evaluate", trainedRows: 40 }, batchOf(examples, 40, 1));
      return made.nll!;
    };
    const alone = await nllOf([example]);
    const packed = await nllOf([other, example]);
    run.close();
    assert.deepEqual(packed.subarray(30, 35), alone.subarray(0, 5));
  }
});

/**
 * Inputs of `generate`: some tokens of one sequence in slot 1, from a position on; requests the logits of the last row.
 */
function chunk(tokens: readonly number[], from: number, bucket: number) {
  const batch = batchOf([{ id: 0, tokens: [...ids.slice(0, from), ...tokens] }], 16, 1);
  const width = tinyModel.headDim / 2;
  const padded = (values: ArrayLike<number>, count: number, empty: number) =>
    Array.from({ length: count }, (_, index) => values[index] ?? empty);
  const angles = (name: string) =>
    padded(Array.from(batch[name]!).slice(from * width, (from + tokens.length) * width), bucket * width, 0);
  return {
    ids: padded(tokens, bucket, 0),
    cos: angles("cos"),
    sin: angles("sin"),
    slot: padded(
      tokens.map(() => 1),
      bucket,
      -1,
    ),
    position: padded(
      tokens.map((_, index) => from + index),
      bucket,
      0,
    ),
    row: [-1, tokens.length - 1],
  };
}

test("generation through the cache, by prefill and token by token, gives the logits of the whole sequence", async () => {
  const run = new TestRun(compile(aSpec({ generation, precision: "F64" })), { backend: "reference64" });
  const plain = new PlainLlama((name) => run.floats("parameter", name));
  const expected = plain.logits(ids);
  await run.run({ program: "derive" });
  const check = async (tokens: readonly number[], from: number, bucket: number) => {
    const made = await run.run({ program: "generate", tokens: bucket }, chunk(tokens, from, bucket));
    const last = expected[from + tokens.length - 1]!;
    assert(relativeError(made.logits!.subarray(tinyModel.vocabSize), last) < 1e-6);
    assert.equal(made.next![1], last.indexOf(Math.max(...last)));
  };
  await check(ids.slice(0, 4), 0, 8);
  await check(ids.slice(4, 5), 4, 2);
  await check(ids.slice(5, 6), 5, 2);
  run.close();
});
