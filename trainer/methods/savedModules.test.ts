import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { aSpec, tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { mergeTensor } from "../weights/merge.ts";
import { methodOf } from "./index.ts";

const untied = { ...tinyModel, family: "qwen2", tieWordEmbeddings: false } as const;
const q = { ...tinyLora, targetModules: ["q_proj", "v_proj"] } as const;

/** The tensors of the base that are trained, of layer 0 and outside of the layers. */
function trained(changes: object, model: typeof tinyModel = untied): string[] {
  const { state } = compile(aSpec({ method: { ...q, ...changes }, model }));
  const parameters = state.filter(({ role, initial }) => role === "parameter" && initial?.kind === "base");
  return parameters.map(({ name }) => name).filter((name) => !name.includes("layers.1"));
}

const bias = (name: string) => `model.layers.0.self_attn.${name}_proj.bias`;

test("bias trains every bias of the model, or those of the adapted layers", () => {
  assert.deepEqual(trained({ bias: "All" }), [bias("q"), bias("k"), bias("v")]);
  assert.deepEqual(trained({ bias: "LoraOnly" }), [bias("q"), bias("v")]);
  assert.deepEqual(trained({}), []);
});

test("a name in modulesToSave selects every module whose name ends with it, and everything in it", () => {
  const norms = ["input_layernorm", "post_attention_layernorm"].map((name) => `model.layers.0.${name}.weight`);
  assert.deepEqual(trained({ modulesToSave: ["norm"] }), [...norms, "model.norm.weight"]);
  assert.deepEqual(trained({ modulesToSave: ["model.norm", "lm_head"] }), ["lm_head.weight", "model.norm.weight"]);
  const mlp = ["gate", "up", "down"].map((name) => `model.layers.0.mlp.${name}_proj.weight`);
  assert.deepEqual(trained({ modulesToSave: ["mlp"] }), mlp);
});

test("a linear layer that is trained whole gets no adapter", () => {
  const { sites } = compile(aSpec({ method: { ...q, modulesToSave: ["v_proj"] }, model: untied }));
  const adapted = sites.filter((site) => site.trained.length > 0).map(({ name }) => name);
  assert.deepEqual(adapted, ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"]);
});

test("a tied head is trained as the embedding if ensureWeightTying is set", () => {
  const tied = { ...untied, tieWordEmbeddings: true };
  const settings = { modulesToSave: ["embed_tokens"], ensureWeightTying: true };
  assert.deepEqual(trained(settings, tied), ["model.embed_tokens.weight"]);
});

const nf4 = { dense: "BF16", linear: "NF4", doubleQuantization: true } as const;

test("modules and biases that cannot be trained are refused with the reason and the fix", () => {
  const refused = (changes: object, reason: RegExp, spec: Parameters<typeof aSpec>[0] = {}) =>
    assert.throws(() => compile(aSpec({ method: { ...q, ...changes }, model: untied, ...spec })), reason);
  refused({ modulesToSave: ["score"] }, /modulesToSave: "score" is not a module of this model/);
  refused({ modulesToSave: ["proj"] }, /q_proj matches only a part of a name: write the whole name/);
  refused({ modulesToSave: ["q_proj", "v_proj"] }, /no layer is left to adapt: remove one from modulesToSave/);
  refused({ modulesToSave: ["down_proj"] }, /down_proj is stored in NF4, which cannot be trained/, { storage: nf4 });
  refused({ modulesToSave: ["k_proj"], bias: "All" }, /both train .*k_proj\.bias: set bias: LoraOnly/);
  refused({ bias: "LoraOnly", targetModules: ["o_proj"] }, /adapted layers have no biases: remove it/);
  refused({ ensureWeightTying: true }, /head is not tied to embed_tokens: remove it/);
  const tied = { model: tinyModel };
  refused({ bias: "All" }, /bias: All trains nothing, because this model's layers have no biases/, tied);
  refused({ modulesToSave: ["lm_head"] }, /no lm_head; its head is embed_tokens: name embed_tokens/, tied);
  refused({ modulesToSave: ["embed_tokens"] }, /head is embed_tokens; .*set ensureWeightTying: true/, tied);
});

test("norms, embedding and head of a base in NF4 can be trained, because they are dense", () => {
  const method = { ...q, modulesToSave: ["norm", "embed_tokens", "lm_head"] };
  assert.ok(compile(aSpec({ method, model: untied, storage: nf4, precision: "BF16" })));
});

test("a result for a model without biases runs although its settings train them", () => {
  const { training: _, ...running } = aSpec({ method: { ...q, bias: "All" }, model: tinyModel });
  assert.ok(compile(running));
});

test("a trained tensor of the base replaces it in the merged model, and a trained bias alone is not an adapter", () => {
  const method = methodOf({ ...q, bias: "All" });
  const adapter = new Map([
    ["model.norm.weight", Float32Array.of(1, 2)],
    ["model.layers.0.self_attn.k_proj.bias", Float32Array.of(3)],
  ]);
  const merged = (name: string, shape: number[], values: Float32Array) =>
    Array.from(mergeTensor({ name, shape }, values, method, adapter));
  assert.deepEqual(merged("model.norm.weight", [2], Float32Array.of(0, 0)), [1, 2]);
  assert.deepEqual(merged("model.layers.0.self_attn.k_proj.bias", [1], Float32Array.of(0)), [3]);
  assert.deepEqual(merged("model.layers.0.self_attn.k_proj.weight", [1, 1], Float32Array.of(7)), [7]);
});
