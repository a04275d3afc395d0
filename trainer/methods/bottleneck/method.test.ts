/** The designs of bottleneck adapters, their place in the model and their files. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { compile } from "../../compile/compile.ts";
import { effectiveMethod, type WrittenMethod } from "../../contract/methods/index.ts";
import { encodeSafetensors } from "../../formats/safetensorsWriter.ts";
import { Stores } from "../../stores/stores.ts";
import { aSpec, batchOf, TestRun, tinyModel } from "../../testing/compiledRun.ts";
import { temporaryDirectory } from "../../testing/temporary.ts";
import { readPeftAdapter } from "../../weights/adapterSource.ts";
import { adapterConfig } from "../../weights/peftConfig.ts";

type Written = NonNullable<WrittenMethod["bottleneck"]>;
const methodOf = (bottleneck: Written = {}) => effectiveMethod({ bottleneck });
const compiledWith = (bottleneck: Written) => compile(aSpec({ method: methodOf(bottleneck) }));

const textOf = (bottleneck: Written = {}) =>
  adapterConfig(
    methodOf(bottleneck),
    { modules: [], model: tinyModel, parameters: [], steps: 1 },
    { name: "a/b", revision: null },
  );

test("a design decides the usual branches, width, activation and scale", () => {
  const settings = { reductionFactor: 16, scale: 1, dropout: 0, excludeLayers: [], kind: "bottleneck" };
  assert.deepEqual(methodOf(), { ...settings, design: "Pfeiffer", branches: ["FeedForward"], nonlinearity: "ReLU" });
  const houlsby = { design: "Houlsby", branches: ["Attention", "FeedForward"], nonlinearity: "SiLU" };
  assert.deepEqual(methodOf({ design: "Houlsby" }), { ...settings, ...houlsby });
  const parallel = {
    design: "Parallel",
    branches: ["FeedForward"],
    nonlinearity: "ReLU",
    reductionFactor: 2,
    scale: 4,
  };
  assert.deepEqual(methodOf({ design: "Parallel" }), { ...settings, ...parallel });
});

test("the trained parameters are two layers with biases per branch, at least one wide", () => {
  const shapes = (bottleneck: Written) =>
    compiledWith(bottleneck)
      .state.filter(({ role }) => role === "parameter")
      .map(({ name, shape }) => [name, shape.join()]);
  const of = (branch: string, inner: number) => [
    [`${branch}.adapter_down.weight`, `${inner},24`],
    [`${branch}.adapter_down.bias`, `${inner}`],
    [`${branch}.adapter_up.weight`, `24,${inner}`],
    [`${branch}.adapter_up.bias`, "24"],
  ];
  const [first, second] = ["model.layers.0", "model.layers.1"];
  assert.deepEqual(shapes({ reductionFactor: "7" }), [...of(`${first}.mlp`, 3), ...of(`${second}.mlp`, 3)]);
  assert.deepEqual(shapes({ design: "Houlsby", reductionFactor: "100", excludeLayers: [0] }), [
    ...of(`${second}.self_attn`, 1),
    ...of(`${second}.mlp`, 1),
  ]);
});

test("layers that do not exist, and all of them, cannot be excluded", () => {
  assert.throws(() => compiledWith({ excludeLayers: [2] }), /excludeLayers: 2 does not exist: .* layers 0 to 1/);
  assert.throws(() => compiledWith({ excludeLayers: [0, 1] }), /excludeLayers names every layer of this model/);
});

test("dropout acts on the adapter's result in training alone", async () => {
  const batch = batchOf([{ id: 3, tokens: [3, 17, 28, 3, 9, 11] }], 12, 1 / 5);
  const losses = await Promise.all(
    ["0", "0.5"].map(async (dropout) => {
      const run = new TestRun(compiledWith({ dropout }));
      const trained = await run.step([batch]);
      await run.run({ program: "begin" });
      await run.run({ program: "evaluate", trainedRows: 12 }, batch);
      const evaluated = run.loss;
      run.close();
      return { trained, evaluated };
    }),
  );
  assert.equal(losses[0]!.evaluated, losses[1]!.evaluated);
  assert.equal(losses[0]!.evaluated, losses[0]!.trained);
  assert.notEqual(losses[0]!.trained, losses[1]!.trained);
});

test("AdapterHub reads a whole scale as a number with a point", () => {
  assert.match(textOf(), /"scaling": 1\.0,/);
  assert.match(textOf({ scale: "2.5" }), /"scaling": 2\.5,/);
});

/** Reads a configuration with changed members beside the tensors of one layer's adapter. */
async function readWith(t: Parameters<typeof temporaryDirectory>[0], change: object, outer: object = {}, name = "x") {
  const directory = await temporaryDirectory(t);
  await mkdir(directory, { recursive: true });
  const { config, ...rest } = JSON.parse(textOf());
  const whole = { ...rest, name: "x", ...outer, config: { ...config, ...change } };
  await writeFile(`${directory}/adapter_config.json`, JSON.stringify(whole));
  const at = `model.layers.0.output_adapters.adapters.${name}`;
  const tensors = Object.entries({
    "adapter_down.0.weight": [4, 64],
    "adapter_down.0.bias": [4],
    "adapter_up.weight": [64, 4],
    "adapter_up.bias": [64],
  }).map(([part, shape]) => {
    const elements = shape.reduce((product, size) => product * size, 1);
    return { name: `${at}.${part}`, dtype: "F32", shape, data: new Uint8Array(4 * elements) } as const;
  });
  await writeFile(`${directory}/adapter.safetensors`, encodeSafetensors(tensors));
  return await readPeftAdapter(new Stores(), `file://${directory}`);
}

test("an adapter of AdapterHub is read by its configuration", async (t) => {
  const read = async (change: object) => (await readWith(t, change))?.settings;
  const pfeiffer = methodOf({ excludeLayers: [1] });
  assert.deepEqual(await read({ leave_out: [1], init_weights: "houlsby", phm_dim: 3 }), pfeiffer);
  assert.deepEqual(await read({ original_ln_before: false, residual_before_ln: false, non_linearity: "silu" }), {
    ...pfeiffer,
    design: "Houlsby",
    nonlinearity: "SiLU",
    excludeLayers: [],
  });
  assert.deepEqual(await read({ is_parallel: true, scaling: 4, non_linearity: "gelu_new" }), {
    ...pfeiffer,
    design: "Parallel",
    nonlinearity: "GELU",
    scale: 4,
    excludeLayers: [],
  });
});

test("what AdapterHub computes and Luthier does not is refused by its name", async (t) => {
  const refused = async (change: object, reason: RegExp) =>
    assert.rejects(readWith(t, change), ({ message }: Error) => reason.test(message));
  const unsupported = (member: string) => new RegExp(`config\\.${member} is not supported: .*method\\.bottleneck`);
  for (const member of ["ln_before", "ln_after", "use_gating", "phm_layer", "an_option_of_tomorrow"])
    await refused({ [member]: true }, unsupported(member));
  await refused({ inv_adapter: "nice" }, unsupported("inv_adapter"));
  await refused({ architecture: "lora" }, unsupported("architecture"));
  await refused({ original_ln_after: false }, unsupported("original_ln_after"));
  await refused({ residual_before_ln: "post_add" }, unsupported("residual_before_ln"));
  await refused({ mh_adapter: false, output_adapter: false }, unsupported("output_adapter"));
  await refused({ scaling: "learned" }, /config\.scaling is "learned"; it must be a number/);
  await refused({ reduction_factor: { default: 16 } }, /config\.reduction_factor is \{"default":16\}; it must be/);
  await refused({ reduction_factor: 1e-300 }, /config\.reduction_factor is 1e-300/);
  await refused({ non_linearity: "gelu" }, /config\.non_linearity is "gelu"; it must be one of "relu", "swish"/);
});

test("tensors that do not fit an AdapterHub configuration are refused by their names", async (t) => {
  const refused = async (reading: Promise<unknown>, reason: RegExp) =>
    assert.rejects(reading, ({ message }: Error) => reason.test(message));
  await refused(readWith(t, { reduction_factor: 8 }), /adapter_down\.0\.weight has shape \[4, 64\], .*factor 8/);
  await refused(readWith(t, { leave_out: [0] }), /of a branch that adapter_config\.json gives no adapter/);
  await refused(readWith(t, { output_adapter: false, mh_adapter: true }), /gives no adapter/);
  await refused(readWith(t, {}, { name: "y" }), /is not a tensor of the adapter "y"/);
  await refused(readWith(t, {}, {}, "y"), /adapters\.y\.adapter_down\.0\..+ is not a tensor of the adapter "x"/);
});

test("an adapter whose tensors are a pickle is refused, and never opened", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(`${directory}/adapter_config.json`, textOf());
  await writeFile(`${directory}/pytorch_adapter.bin`, "cos\nsystem\n(S'true'\ntR.");
  await assert.rejects(readPeftAdapter(new Stores(), `file://${directory}`), {
    message: /adapter\.safetensors is missing; .* pickles \(\*\.bin\) are not opened/,
  });
});
