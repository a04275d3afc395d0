import assert from "node:assert/strict";
import { test } from "node:test";
import { compareLogits, refusalOf } from "../export/verify.ts";
import { toBfloat16, widened } from "../formats/bfloat16.ts";
import { methodOf } from "../methods/index.ts";
import { tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { encodeValues, mergeTensor } from "./merge.ts";
import { adapterConfig, parseAdapterConfig, settingsOfConfig } from "./peftConfig.ts";

const settings = { ...tinyLora, rank: 2, alpha: 8 };
const facts = (...modules: string[]) => ({ modules, model: tinyModel, parameters: [], steps: 1 });
const readConfig = (text: string) => settingsOfConfig(parseAdapterConfig(text));
const lora = methodOf({ ...settings });

test("a merged matrix is W + s·B·A, rounded once", () => {
  // W [2, 3], A [2, 3], B [2, 2], s = 4.
  const w = Float32Array.of(1, 2, 3, 4, 5, 6);
  const adapter = new Map([
    ["m.q_proj.lora_A.weight", Float32Array.of(1, 0, 1, 0, 1, 0)],
    ["m.q_proj.lora_B.weight", Float32Array.of(0.5, 0, 0, 0.001)],
  ]);
  const merged = mergeTensor({ name: "m.q_proj.weight", shape: [2, 3] }, w, lora, adapter);
  assert.deepEqual(
    [...merged].map((v) => Number(v.toFixed(6))),
    [3, 2, 5, 4, 5.004, 6],
  );
  assert.deepEqual(encodeValues(merged, "BF16"), new Uint8Array(toBfloat16(merged).buffer));
});

test("(IA)³ scales rows and bias of a layer at its output, and columns alone at its input", () => {
  const method = methodOf({
    kind: "ia3",
    targetModules: ["q_proj", "down_proj"],
    feedforwardModules: ["down_proj"],
    excludeModules: [],
  });
  const adapter = new Map([
    ["m.q_proj.ia3_l", Float32Array.of(2, -1)],
    ["m.down_proj.ia3_l", Float32Array.of(3, 0.5)],
  ]);
  const merged = (name: string, values: number[], shape: number[]) => [
    ...mergeTensor({ name, shape }, Float32Array.from(values), method, adapter),
  ];
  assert.deepEqual(merged("m.q_proj.weight", [1, 2, 3, 4], [2, 2]), [2, 4, -3, -4]);
  assert.deepEqual(merged("m.q_proj.bias", [5, 6], [2]), [10, -6]);
  assert.deepEqual(merged("m.down_proj.weight", [1, 2, 3, 4], [2, 2]), [3, 1, 9, 2]);
  assert.deepEqual(merged("m.down_proj.bias", [5, 6], [2]), [5, 6]);
});

test("tensors that the adapter does not train stay unchanged, to the byte", () => {
  const bytes = new Uint8Array(toBfloat16(Float32Array.of(0.1, -2.5, 3e-5)).buffer);
  const merged = mergeTensor({ name: "model.norm.weight", shape: [3] }, widened(bytes, "BF16"), lora, new Map());
  assert.deepEqual(encodeValues(merged, "BF16"), bytes);
});

test("equal models pass, and a different one is refused by its logits or its distribution", () => {
  const expected = [Float32Array.of(1, 5, -3), Float32Array.of(0, 2, 8)];
  const same = compareLogits(expected, expected);
  assert.deepEqual(same, { maxLogitDifference: 0, klDivergence: 0, largestLogit: 8 });
  assert.equal(refusalOf(same, "F32"), undefined);
  const near = compareLogits(expected, [Float32Array.of(1.1, 5, -3), expected[1]!]);
  assert.equal(refusalOf(near, "BF16"), undefined);
  assert.match(refusalOf(near, "F32")!, /logits differ by 0\.1/);
  const far = compareLogits(expected, [expected[1]!, expected[0]!]);
  assert.match(refusalOf(far, "BF16")!, /logits differ by 11/);
  const broken = compareLogits(expected, [Float32Array.of(Number.NaN, 5, -3), expected[1]!]);
  assert.ok(refusalOf(broken, "BF16"));
});

test("PEFT's configuration states the trained method and reads back", () => {
  const base = { name: "acme/tiny", revision: "v1" };
  const text = adapterConfig({ ...settings, rankStabilized: true }, facts("v_proj", "q_proj"), base);
  const config = JSON.parse(text);
  assert.deepEqual(config.target_modules, ["q_proj", "v_proj"]);
  assert.deepEqual([config.base_model_name_or_path, config.revision], ["acme/tiny", "v1"]);
  assert.deepEqual(readConfig(text), {
    ...settings,
    rankStabilized: true,
    targetModules: ["q_proj", "v_proj"],
  });
});

test("an adapter with an option that the trainer does not compute is refused by the option's name", () => {
  const config = JSON.parse(adapterConfig(settings, facts("q_proj"), { name: "./base", revision: null }));
  const changes: [object, RegExp][] = [
    [{ lora_bias: true }, /lora_bias/],
    [{ peft_type: "OFT" }, /peft_type/],
    [{ trainable_token_indices: ["a"] }, /trainable_token_indices/],
    [{ rank_pattern: { "^q_proj": 4 } }, /rank_pattern/],
    [{ r: -1 }, /r is -1; it must be a whole number from 1 to 4096/],
  ];
  for (const [change, reason] of changes) {
    assert.throws(() => readConfig(JSON.stringify({ ...config, ...change })), reason);
  }
  assert.throws(() => readConfig("{"), /not JSON/);
});
