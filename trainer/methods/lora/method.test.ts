import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../compile/compile.ts";
import { aSpec, batchOf, TestRun, tinyLora } from "../../testing/compiledRun.ts";
import { relativeError } from "../../testing/graphs.ts";
import { methodOf } from "../index.ts";
import { isTarget } from "../targets.ts";
import { scaleOf } from "./method.ts";

test("a merged model is the model with its adapter", async () => {
  const adapted = new TestRun(compile(aSpec({ method: tinyLora, precision: "F64" })), { backend: "reference64" });
  const merged = new TestRun(compile(aSpec({ precision: "F64" })), { backend: "reference64" });
  const method = methodOf(tinyLora);
  for (const { name, in: width, out } of adapted.compiled.sites) {
    const parameter = (part: string) => adapted.floats("parameter", `${name}.${part}`);
    const site = { name, in: width, out, parameter };
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

test("targets are the last parts of a layer's name, or all linear layers", () => {
  const q = "model.layers.11.self_attn.q_proj";
  assert(isTarget(q, ["q_proj"]));
  assert(isTarget(q, ["k_proj", "self_attn.q_proj"]));
  assert(isTarget(q, ["all-linear"]));
  assert(!isTarget(q, ["proj", "mlp.q_proj", "k_proj"]));
});

test("the update's scale is α/r, and α/√r when rank-stabilised", () => {
  assert.equal(scaleOf({ ...tinyLora, rank: 16, alpha: 32 }), 2);
  assert.equal(scaleOf({ ...tinyLora, rank: 16, alpha: 32, rankStabilized: true }), 8);
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
