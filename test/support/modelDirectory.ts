/** Reads a model in Hugging Face layout from a local directory in the form that the engine binds. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import path from "node:path";
import { type ModelConfig, readModelConfig } from "../../trainer/contract/model.ts";
import type { BaseTensors } from "../../trainer/engine/baseValues.ts";
import { type ModelFiles, readTensorTable } from "../../trainer/formats/huggingFace.ts";
import { withExperts } from "../../trainer/weights/fusedExperts.ts";
import { languageModel } from "../../trainer/weights/modelTensors.ts";

export const modelConfigOf = (directory: string): ModelConfig =>
  readModelConfig(JSON.parse(readFileSync(path.join(directory, "config.json"), "utf8")));

/** The tensors of every safetensors file in `directory`, with a matrix for each expert; of a model with pictures the language model's. */
export async function tensorsOf(directory: string): Promise<BaseTensors> {
  const names = readdirSync(directory);
  const size = (name: string) => statSync(path.join(directory, name)).size;
  const read = async (name: string, { start, end } = { start: 0, end: size(name) }) =>
    readRange(path.join(directory, name), start, end);
  const files: ModelFiles = {
    has: (name) => names.includes(name),
    bytes: size,
    read,
  };
  const stored = await readTensorTable(names, files);
  const config = names.includes("config.json") ? modelConfigOf(directory) : undefined;
  const own = config?.wrapped ? languageModel(stored) : stored;
  return {
    table: config ? withExperts(own, config, true) : own,
    localFile: async (name) => path.join(directory, name),
    read,
  };
}

/** Copies bytes [start, end) of a file. */
function readRange(file: string, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  const descriptor = openSync(file, "r");
  try {
    const count = readSync(descriptor, bytes, 0, bytes.length, start);
    if (count !== bytes.length) throw new Error(`${file}: ${count} bytes from ${start} on, ${bytes.length} expected`);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
