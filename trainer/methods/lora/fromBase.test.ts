import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../compile/compile.ts";
import { lora } from "../../contract/methods/lora.ts";
import { aSpec, tinyLora, tinyModel } from "../../testing/compiledRun.ts";
import { updateOf } from "../update.ts";
import { besideBase, savedSettings } from "./fromBase.ts";

const starts = ["PiSSA", "OLoRA"] as const;
const settingsOf = (changes: object) => lora.schema.parse({ ...tinyLora, ...changes });

test("an adapter of PiSSA or OLoRA is saved with twice its rank and the same scale", () => {
  const layer = "model.layers.0.self_attn.q_proj";
  for (const initialization of starts) {
    for (const rankStabilized of [false, true]) {
      for (const patterns of [{}, { rankPattern: { q_proj: 5 } }, { alphaPattern: { q_proj: 9 } }]) {
        const trained = settingsOf({ initialization, rankStabilized, ...patterns });
        const saved = savedSettings(trained);
        const [before, after] = [updateOf(layer, trained), updateOf(layer, saved)];
        assert.equal(after.rank, 2 * before.rank);
        assert.ok(Math.abs(after.scale / before.scale - 1) < 1e-15);
        assert.equal(saved.initialization, "Kaiming");
        assert.deepEqual(savedSettings(saved), saved);
      }
    }
  }
});

test("the saved factors are the trained ones beside the negative first ones", () => {
  const a = besideBase({
    name: "x.lora_A.weight",
    shape: [1, 3],
    values: Float32Array.of(1, 2, 3),
    first: Float32Array.of(4, 5, 6),
  });
  assert.deepEqual(a, { name: "x.lora_A.weight", shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) });
  const b = besideBase({
    name: "x.lora_B.weight",
    shape: [2, 2],
    values: Float32Array.of(1, 2, 3, 4),
    first: Float32Array.of(5, 6, 7, 8),
  });
  assert.deepEqual(b, { name: "x.lora_B.weight", shape: [2, 4], values: Float32Array.of(1, 2, -5, -6, 3, 4, -7, -8) });
});

test("PiSSA and OLoRA are refused where the layers cannot be initialised so, with the reason and the fix", () => {
  const storage = { dense: "BF16", linear: "NF4", doubleQuantization: false } as const;
  const model = { ...tinyModel, tieWordEmbeddings: false };
  for (const initialization of starts) {
    const refused = (changes: object, reason: RegExp, spec: Parameters<typeof aSpec>[0] = {}) => {
      const method = { ...tinyLora, initialization, ...changes };
      assert.throws(() => compile(aSpec({ model, method, ...spec })), reason);
    };
    refused({}, /initialization PiSSA and OLoRA .* quantised again.* BF16 or F32/, { storage });
    refused({ targetModules: ["q_proj", "embed_tokens"] }, /remove embed_tokens from targetModules/);
    refused({ rank: 25 }, /rank of model\.layers\.0\.self_attn\.q_proj is 25, .* only 24 singular values: lower rank/);
    refused({ rankPattern: { k_proj: 17 } }, /k_proj is 17, but its matrix has only 16 singular values/);
  }
});

test("LoftQ is refused without a base in NF4 and on the embedding, with the reason and the fix", () => {
  const model = { ...tinyModel, tieWordEmbeddings: false };
  const method = { ...tinyLora, initialization: "LoftQ" };
  assert.throws(
    () => compile(aSpec({ model, method })),
    /LoftQ replaces what quantising .* set baseModel\.quantization/,
  );
  const storage = { dense: "BF16", linear: "NF4", doubleQuantization: false } as const;
  const named = { ...method, targetModules: ["q_proj", "embed_tokens"] };
  assert.throws(() => compile(aSpec({ model, method: named, storage })), /remove embed_tokens from targetModules/);
});

test("PiSSA adds nothing to the cost of a step, and its first values are part of the state", () => {
  const [plain, begun] = ["Kaiming", "PiSSA"].map((initialization) =>
    compile(aSpec({ method: { ...tinyLora, initialization } })),
  );
  const key = { program: "micro", trainedRows: 12 } as const;
  assert.equal(begun!.program(key).flops, plain!.program(key).flops);
  assert.equal(begun!.arenaBytes, plain!.arenaBytes);
  const shapes = (role: string) =>
    begun!.state.filter((one) => one.role === role).map(({ name, shape }) => [name, shape]);
  assert.deepEqual(shapes("first"), shapes("parameter"));
});
