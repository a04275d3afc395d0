/** LoRA on the experts of mixtures, compared with PEFT's `target_parameters` (lora_experts.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { CompileError, compile } from "../../trainer/compile/compile.ts";
import { effectiveMethod } from "../../trainer/contract/methods/index.ts";
import { lora } from "../../trainer/contract/methods/lora.ts";
import { widened } from "../../trainer/formats/bfloat16.ts";
import { decodeTensors } from "../../trainer/formats/safetensors.ts";
import { methodOf } from "../../trainer/methods/index.ts";
import type { NamedValues } from "../../trainer/methods/peft.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { aSpec, tinyModel } from "../../trainer/testing/compiledRun.ts";
import { readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { adapterConfig, parseAdapterConfig, settingsOfConfig } from "../../trainer/weights/peftConfig.ts";
import { openWith } from "./engines.ts";
import { goldenPath, ourTensors, readCase } from "./goldens.ts";
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";
import { distance, logits } from "./measure.ts";

const families = ["mixtral", "qwen3moe", "gptoss"];
const caseOf = (family: string) => `lora-experts-${family}`;

holdCases(families.map(caseOf), {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});

for (const family of families) {
  test(`an adapter of PEFT with experts of ${family} gives the same logits here, and is written with the same members and tensors`, async () => {
    const directory = goldenPath(`peft-lora-experts-${family}`);
    const adapter = await readPeftAdapter(new Stores(), pathToFileURL(directory).href);
    assert.ok(adapter);
    const golden = readCase(caseOf(family));
    assert.deepEqual(adapter.tensors, ourTensors(golden, "initial/"));
    const { settings, tensors } = adapter;
    using run = await openWith({ ...golden, settings: { ...golden.settings, method: settings } }, onCpu, tensors);
    assert.ok(distance(await logits(run), golden.tensors.values("logits")) <= 1e-5);

    const parameters = run.engine.stateOf("parameter");
    const named = parameters.map(({ name, shape }): NamedValues => ({ name, shape, values: tensors.get(name)! }));
    const { peft } = methodOf(settings);
    const written = new Map(peft!.toPeft(named).map((tensor) => [tensor.name, tensor]));
    const theirs = decodeTensors(readFileSync(`${directory}/adapter_model.safetensors`));
    assert.deepEqual([...written.keys()].sort(), [...theirs.keys()].sort());
    for (const [name, { shape, data }] of theirs) {
      assert.deepEqual([...written.get(name)!.shape], [...shape], name);
      assert.deepEqual(written.get(name)!.values, widened(data, "F32"), name);
    }
    const facts = { modules: [], model: run.engine.compiled.spec.model, parameters: named, steps: 0 };
    const text = adapterConfig(settings, facts, { name: "base", revision: null });
    const config = JSON.parse(readFileSync(`${directory}/adapter_config.json`, "utf8"));
    const { target_modules, target_parameters, r, rank_pattern, bias } = JSON.parse(text);
    const { target_modules: modules, target_parameters: parametersThere, r: rank, rank_pattern: ranks } = config;
    assert.deepEqual(
      { target_modules, target_parameters, r, rank_pattern, bias },
      { target_modules: modules, target_parameters: parametersThere, r: rank, rank_pattern: ranks, bias: config.bias },
    );
    assert.deepEqual(settingsOfConfig(parseAdapterConfig(text)), settings);
  });
}

const model = {
  ...tinyModel,
  family: "mixtral",
  experts: { count: 5, chosen: 2, width: 12 },
  normalizesExperts: true,
} as const;
const both = ["experts.gate_up_proj", "experts.down_proj"];

test("an adapter of experts has rank · (in + out) numbers for each expert's part of a parameter", () => {
  const method = effectiveMethod({
    lora: { rank: 4, targetModules: [], targetParameters: both, rankPattern: { down_proj: 2 } },
  });
  const trained = compile(aSpec({ model, method })).state.filter(({ role }) => role === "parameter");
  assert.deepEqual(
    trained.filter(({ name }) => name.includes("layers.0.")).map(({ name, shape }) => [name.slice(15), ...shape]),
    [
      ["mlp.experts.gate_up_proj.lora_A.weight", 5, 4, 24],
      ["mlp.experts.gate_up_proj.lora_B.weight", 5, 24, 4],
      ["mlp.experts.down_proj.lora_A.weight", 5, 2, 12],
      ["mlp.experts.down_proj.lora_B.weight", 5, 24, 2],
    ],
  );
  assert.equal(trained.length, 8);
});

test("targets that this model lacks, dropout, other starts and experts trained whole are refused with the fix", () => {
  const refused = (settings: Parameters<typeof effectiveMethod>[0]["lora"], reason: RegExp, dense = false) =>
    assert.throws(
      () => compile(aSpec({ ...(dense ? {} : { model }), method: effectiveMethod({ lora: settings }) })),
      (error) => error instanceof CompileError && reason.test(error.message),
    );
  refused(
    { targetParameters: both },
    /targetParameters adapts the experts of a mixture, and this model has none/,
    true,
  );
  refused(
    { targetParameters: ["experts.gate_proj"] },
    /"experts\.gate_proj" is not a parameter of this model's experts; they have experts\.gate_up_proj and experts\.down_proj/,
  );
  refused({ targetParameters: both, dropout: "0.1" }, /targetParameters.*set dropout: 0/);
  refused({ targetParameters: both, initialization: "EVA" }, /experts start by Kaiming or Gaussian.*set one of them/);
  refused({ targetParameters: both, modulesToSave: ["experts"] }, /modulesToSave \("experts"\) trains whole/);
  const empty = lora.written.safeParse({ targetModules: [] });
  assert.match(empty.error?.issues[0]?.message ?? "", /targetModules is empty and targetParameters names nothing/);
});

test("tensors of experts that do not fit their rank, or that no wrapper of PEFT has, are refused by name", () => {
  const { peft } = methodOf(effectiveMethod({ lora: { rank: 4, targetParameters: ["experts.down_proj"] } }));
  const at = "base_model.model.model.layers.0.mlp.experts";
  const fault = (key: string, shape: number[], has = true) => peft!.fault({ key, shape }, () => has, {});
  assert.equal(fault(`${at}.lora_A.weight`, [20, 12]), undefined);
  assert.match(fault(`${at}.lora_A.weight`, [18, 12])!, /\[18, 12\], which does not fit r = 4 of each expert/);
  assert.match(fault(`${at}.lora_B.weight`, [24, 20], false)!, /lora_A\.weight is missing/);
  assert.match(fault(`${at}.base_layer.lora_A.weight`, [20, 12])!, /belongs to no parameter that target_parameters/);
});

test("biases of router and experts keep their own names in PEFT's file, inside the wrappers of adapted experts", () => {
  const named = (targetParameters: string[]) => {
    const method = effectiveMethod({ lora: { bias: "All", targetParameters } });
    const tensors = ["q_proj.bias", "mlp.router.bias", "mlp.experts.gate_up_proj_bias", "mlp.experts.down_proj_bias"];
    const parameters = tensors.map((name) => ({ name: `layers.0.${name}`, shape: [1], values: new Float32Array(1) }));
    const { peft } = methodOf(method);
    const written = peft!.toPeft(parameters);
    assert.deepEqual(
      peft!.fromPeft(written, {}).map(({ name }) => name),
      parameters.map(({ name }) => name),
    );
    return written.map(({ name }) => name.replace("base_model.model.layers.0.", ""));
  };
  const first = ["q_proj.base_layer.bias", "mlp.router.bias"];
  const inside = (wrappers: string) =>
    ["gate_up_proj_bias", "down_proj_bias"].map((bias) => `mlp.experts${wrappers}.${bias}`);
  assert.deepEqual(named([]), [...first, ...inside("")]);
  assert.deepEqual(named(["experts.down_proj"]), [...first, ...inside(".base_layer")]);
  assert.deepEqual(named(both), [...first, ...inside(".base_layer.base_layer")]);
});
