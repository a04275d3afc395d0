/**
 * Mutates adapters of every method at random and reads them, for `fuzz.test.ts` and `npm run soak -- adapters`. A mutated
 * adapter is refused with a failure that names the fault, or is used by native code: decomposed, and applied to a model.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { CompileError, compile } from "../compile/compile.ts";
import { StageFailure } from "../contract/failure.ts";
import { resultOf, usualMethod } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { spectrumOfProduct } from "../inspection/spectrum.ts";
import { methodOf, registeredMethods } from "../methods/index.ts";
import { Stores } from "../stores/stores.ts";
import { requireFit } from "../weights/adapterFit.ts";
import { type PeftAdapter, readPeftAdapter } from "../weights/adapterSource.ts";
import { siteOf } from "../weights/merge.ts";
import { adapterConfig, adapterConfigFile, weightsFileOf } from "../weights/peftConfig.ts";
import { aSpec, batchOf, startOf, TestRun, tinyModel } from "./compiledRun.ts";
import { mutated, random } from "./fuzzedFiles.ts";

/** An intact adapter of the tiny model. */
export interface AdapterSeed {
  readonly name: string;
  readonly weightsFile: string;
  readonly config: string;
  readonly weights: Uint8Array;
}

/** With biases, which BitFit needs, and adapters, which X-LoRA mixes. */
const givenAdapters = { ranks: [1, 2], modules: ["self_attn.q_proj"] };
const model: ModelConfig = { ...tinyModel, family: "qwen2", givenAdapters };

const specOf = (settings: PeftAdapter["settings"]) => {
  const { training: _, ...spec } = aSpec({ method: settings, model });
  return spec;
};

/** One of each method that has a layout. */
export const adapterSeeds: readonly AdapterSeed[] = registeredMethods().flatMap(({ declaration }) => {
  const { givesAdapters } = declaration;
  const given = givesAdapters === undefined ? {} : { [givesAdapters]: [{ uri: "0" }, { uri: "1" }] };
  const settings = { ...usualMethod(declaration.kind), ...given };
  const method = methodOf(settings);
  if (!method.peft || resultOf(settings) === "Model") return [];
  const { state, sites } = compile(specOf(settings));
  const parameters = state
    .filter(({ role }) => role === "parameter")
    .map(({ name, shape }) => ({ name, shape, values: startOf(name, shape) }));
  const modules = sites.filter(({ trained }) => trained.length > 0).map(({ name }) => name.split(".").at(-1) ?? "");
  const tensors = method.peft.toPeft(parameters).map(({ name, shape, values, dtype }): TensorData => {
    const stored = dtype ? Int32Array.from(values) : values.slice();
    return { name, dtype: dtype ?? "F32", shape, data: new Uint8Array(stored.buffer) };
  });
  const facts = { modules, model, parameters, steps: 10 };
  const config = adapterConfig(method.saved.kind === "none" ? settings : method.saved, facts, {
    name: "base",
    revision: null,
  });
  return [
    { name: declaration.kind, weightsFile: weightsFileOf(settings), config, weights: encodeSafetensors(tensors) },
  ];
});

/** Values that a configuration should not have. */
const values = [null, true, -1, 0, 0.5, 1, 3, 2 ** 31, 1e308, "", "all", [], ["q_proj"], [[]], {}, { q_proj: 1e9 }];

/** The mutated adapter of a number: a member, bytes of the configuration, or bytes of the weights, most of their header. */
export function fuzzedAdapter(number: number): AdapterSeed {
  const next = random(number);
  const seed = adapterSeeds[next(adapterSeeds.length)]!;
  switch (next(4)) {
    case 0: {
      const members = Object.entries<unknown>(JSON.parse(seed.config));
      const at = next(members.length);
      members[at] = [members[at]![0], values[next(values.length)]];
      return { ...seed, config: JSON.stringify(Object.fromEntries(members)) };
    }
    case 1:
      return { ...seed, config: mutated(Buffer.from(seed.config), next).toString("utf8") };
    case 2: {
      const header = 8 + Number(Buffer.from(seed.weights).readBigUInt64LE(0));
      const changed = mutated(Buffer.from(seed.weights.subarray(0, header)), next);
      return { ...seed, weights: Buffer.concat([changed, seed.weights.subarray(header)]) };
    }
    default:
      return { ...seed, weights: mutated(Buffer.from(seed.weights), next) };
  }
}

/**
 * Reads and uses an adapter below `directory`. Returns "used", or the message of the failure; throws where an error is no
 * failure with a name.
 */
export async function readFuzzedAdapter(directory: string, adapter: AdapterSeed): Promise<string> {
  await writeFile(`${directory}/${adapterConfigFile}`, adapter.config);
  await writeFile(`${directory}/${adapter.weightsFile}`, adapter.weights);
  const beside = adapterSeeds.find(({ name }) => name === "lora")!;
  for (const folder of givenAdapters.ranks.map((_, index) => `${directory}/${index}`)) {
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/${adapterConfigFile}`, beside.config);
    await writeFile(`${folder}/${beside.weightsFile}`, beside.weights);
  }
  try {
    const read = await readPeftAdapter(new Stores(), `file://${directory}`);
    assert.ok(read, "there is a configuration");
    await use(read);
  } catch (error) {
    if (error instanceof StageFailure || error instanceof CompileError) return error.message;
    throw error;
  }
  return "used";
}

/** Decomposes the updates that are products, and computes one loss with the adapter. */
async function use({ settings, tensors }: PeftAdapter): Promise<void> {
  const compiled = compile(specOf(settings));
  requireFit(
    compiled.state.filter(({ role }) => role === "parameter"),
    tensors,
  );
  const { lowRank } = methodOf(settings);
  for (const { name } of compiled.sites) {
    const product = lowRank?.(siteOf(name, tensors));
    if (product) await spectrumOfProduct(product, 1);
  }
  const run = new TestRun(compiled, { backend: "cpu" });
  try {
    for (const [name, given] of tensors) run.floats("parameter", name).set(given);
    await run.run({ program: "derive" });
    const trainedRows = compiled.trainedRowBuckets.at(-1) ?? 0;
    await run.run({ program: "evaluate", trainedRows }, batchOf([{ id: 0, tokens: [3, 1, 4, 1, 5] }], 12, 1));
  } finally {
    run.close();
  }
}
