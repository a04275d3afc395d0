import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../compile/compile.ts";
import { aSpec, batchOf, TestRun, tinyLora, tinyModel } from "../../testing/compiledRun.ts";
import { relativeError } from "../../testing/graphs.ts";
import { methodOf } from "../index.ts";
import { isTarget } from "../targets.ts";
import { updateOf } from "../update.ts";

test("a merged model computes the same as the model with its adapter, on its linear layers and its embedding", async () => {
  const settings = { ...tinyLora, targetModules: ["all-linear", "embed_tokens"] };
  const model = { ...tinyModel, tieWordEmbeddings: false };
  const adapted = new TestRun(compile(aSpec({ model, method: settings, precision: "F64" })), {
    backend: "reference64",
  });
  const merged = new TestRun(compile(aSpec({ model, precision: "F64" })), { backend: "reference64" });
  const method = methodOf(settings);
  const { sites, embeddings } = adapted.compiled;
  // An embedding's matrix has one row per input.
  const layers = [...sites, ...embeddings.map((one) => ({ ...one, in: one.out, out: one.in }))];
  for (const { name, in: width, out, trained } of layers) {
    const parameter = (part: string) => adapted.floats("parameter", `${name}.${part}`);
    const shared = (part: string) => adapted.floats("parameter", part);
    const site = { name, in: width, out, has: (part: string) => trained.includes(part), parameter, shared };
    const w = merged.floats("parameter", `${name}.weight`);
    for (let first = 0; first < out; first += 5) {
      const last = Math.min(first + 5, out);
      method.merge(site, w.subarray(first * width, last * width), { first, last });
    }
  }
  const batch = batchOf([{ id: 0, tokens: [3, 17, 28, 3, 9, 11] }], 12, 1);
  const nllOf = async (run: TestRun) => {
    await run.run({ program: "derive" });
    const made = await run.run({ program: "evaluate", trainedRows: 12 }, batch);
    return made.nll!.subarray(0, 5);
  };
  assert(relativeError(await nllOf(merged), await nllOf(adapted)) < 1e-6);
  adapted.close();
  merged.close();
});

const q = "model.layers.11.self_attn.q_proj";
const targets = (targetModules: string[], excludeModules: string[] = [], layers: number[] = []) => ({
  targetModules,
  excludeModules,
  layers,
});

test("targetModules selects layers by the last parts of their names, or all linear layers", () => {
  assert(isTarget(q, targets(["q_proj"])));
  assert(isTarget(q, targets(["k_proj", "self_attn.q_proj"])));
  assert(isTarget(q, targets(["all-linear"])));
  assert(!isTarget(q, targets(["proj", "mlp.q_proj", "k_proj"])));
});

test("excluded modules, and modules of layers that are not chosen, are not adapted", () => {
  assert(!isTarget(q, targets(["all-linear"], ["q_proj"])));
  assert(!isTarget(q, targets(["all-linear"], ["layers.11.self_attn.q_proj"])));
  assert(isTarget(q, targets(["all-linear"], ["layers.1.self_attn.q_proj"])));
  assert(isTarget(q, targets(["q_proj"], [], [3, 11])));
  assert(!isTarget(q, targets(["q_proj"], [], [1])));
});

test("the update's scale is α/r, and α/√r when rank-stabilised, with the rank and alpha of the layer", () => {
  assert.equal(updateOf(q, { ...tinyLora, rank: 16, alpha: 32 }).scale, 2);
  assert.equal(updateOf(q, { ...tinyLora, rank: 16, alpha: 32, rankStabilized: true }).scale, 8);
  const rankPattern = { q_proj: 2, "self_attn.q_proj": 8, "layers.1.self_attn.q_proj": 64 };
  const patterned = updateOf(q, { ...tinyLora, rankPattern, alphaPattern: { q_proj: 4 } });
  assert.deepEqual(patterned, { rank: 8, scale: 0.5 });
});

test("settings that match no layer of the model are refused, and the error names the field and the model's layers", () => {
  const refused = (changes: object, reason: RegExp) =>
    assert.throws(() => compile(aSpec({ method: { ...tinyLora, ...changes } })), reason);
  refused({ excludeModules: ["w_proj"] }, /excludeModules: "w_proj" is not a linear layer .* q_proj, k_proj/);
  refused({ layers: [2] }, /layers: 2 does not exist: this model has layers 0 to 1/);
  refused({ excludeModules: ["q_proj"], targetModules: ["q_proj"] }, /leave no layer to adapt/);
  refused(
    { targetModules: ["q_proj"], rankPattern: { v_proj: 2 } },
    /rankPattern: "v_proj" is not adapted: add it to targetModules, or/,
  );
  refused({ alphaPattern: { w_proj: 2 } }, /alphaPattern: "w_proj" is not a linear layer .* q_proj, k_proj/);
  refused(
    { initialization: "Orthogonal", rankPattern: { v_proj: 4 } },
    /Orthogonal needs even ranks, and that of .*q_proj is 3/,
  );
});

test("an embedding is adapted only if it is named, and not if it is the head", () => {
  const model = { ...tinyModel, tieWordEmbeddings: false };
  const trained = (changes: object) =>
    compile(aSpec({ model, method: { ...tinyLora, ...changes } })).embeddings.flatMap((one) => one.trained);
  assert.deepEqual(trained({}), []);
  const parts = ["lora_embedding_A", "lora_embedding_B"];
  assert.deepEqual(trained({ targetModules: ["embed_tokens"] }), parts);
  assert.deepEqual(trained({ targetModules: ["embed_tokens"], initialization: "Orthogonal", rank: 3 }), parts);
  assert.deepEqual(trained({ targetModules: ["q_proj", "embed_tokens"], layers: [0] }), [], "it is in no layer");
  assert.deepEqual(trained({ targetModules: ["q_proj", "embed_tokens"], modulesToSave: ["embed_tokens"] }), []);
  const method = { ...tinyLora, targetModules: ["q_proj", "embed_tokens"] };
  assert.throws(() => compile(aSpec({ method })), /head is embed_tokens, .*leave embed_tokens out, or train it whole/);
  // PEFT trains such adapters, and they run as in PEFT.
  const { training: _, ...running } = aSpec({ method });
  assert.ok(compile(running));
  const tying = { ...method, ensureWeightTying: true };
  assert.throws(() => compile({ ...running, method: tying }), /head is embed_tokens/);
});

test("only targeted layers train", () => {
  const method = { ...tinyLora, targetModules: ["q_proj", "v_proj"] };
  const compiled = compile(aSpec({ method }));
  const trained = compiled.state.filter(({ role }) => role === "parameter").map(({ name }) => name);
  assert.deepEqual(
    trained,
    [0, 1].flatMap((layer) =>
      ["q_proj", "v_proj"].flatMap((site) =>
        ["A", "B"].map((part) => `model.layers.${layer}.self_attn.${site}.lora_${part}.weight`),
      ),
    ),
  );
});
