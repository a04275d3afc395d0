/** Adapters with random values: as they are read, and as files in PEFT's layout. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { declare } from "../compile/compile.ts";
import { effectiveMethod, type MethodSettings, type WrittenMethod } from "../contract/methods/index.ts";
import { type ModelConfig, readModelConfig } from "../contract/model.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { methodOf } from "../methods/index.ts";
import type { PeftAdapter } from "../weights/adapterSource.ts";
import { adapterConfig, adapterConfigFile, adapterWeightsFile } from "../weights/peftConfig.ts";
import { startOf } from "./compiledRun.ts";

function declaredWith(model: ModelConfig, method: MethodSettings) {
  const storage = { dense: "F32", linear: "F32", doubleQuantization: false } as const;
  const shape = { device: "cpu", precision: "F32", rowTokens: 1, microRows: 1, recomputedBlocks: 0 } as const;
  const { parts, sites } = declare({ model, method, storage, ...shape });
  const parameters = [...parts.variables.parameters.values()].map(({ theta: { name, shape: of } }) => {
    return { name, shape: of, values: startOf(name, of) };
  });
  return { parameters, sites };
}

/** An adapter of a model, as it is read. */
export function randomAdapter(model: ModelConfig, written: WrittenMethod): PeftAdapter {
  const settings = effectiveMethod(written);
  const { parameters } = declaredWith(model, settings);
  return { settings, tensors: new Map(parameters.map(({ name, values }) => [name, values])) };
}

/** Writes an adapter of the base in a directory. */
export async function writeTinyAdapter(directory: string, base: string, written: WrittenMethod): Promise<void> {
  const method = effectiveMethod(written);
  const model = readModelConfig(JSON.parse(await readFile(`${base}/config.json`, "utf8")));
  const { parameters, sites } = declaredWith(model, method);
  const tensors = methodOf(method)
    .peft!.toPeft(parameters)
    .map(({ name, shape, values }): TensorData => {
      return { name, shape, dtype: "F32", data: new Uint8Array(values.buffer) };
    });
  const modules = sites
    .filter(({ trained }) => trained.length > 0)
    .map(({ name }) => name.slice(name.lastIndexOf(".") + 1));
  const config = adapterConfig(method, { modules, model, parameters, steps: 1 }, { name: "tiny", revision: null });
  await mkdir(directory, { recursive: true });
  await writeFile(`${directory}/${adapterConfigFile}`, config);
  await writeFile(`${directory}/${adapterWeightsFile}`, encodeSafetensors(tensors));
}
