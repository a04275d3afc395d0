/** A model in Hugging Face layout in a directory of this machine, as the engine binds it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { type ModelConfig, readModelConfig } from "../../trainer/contract/model.ts";
import { type ModelFiles, readTensorTable } from "../../trainer/formats/huggingFace.ts";
import type { BaseTensors } from "../../trainer/training/engine.ts";

export const modelConfigOf = (directory: string): ModelConfig =>
  readModelConfig(JSON.parse(readFileSync(path.join(directory, "config.json"), "utf8")));

/** The tensors of every safetensors file in `directory`. */
export async function tensorsOf(directory: string): Promise<BaseTensors> {
  const names = readdirSync(directory);
  const read = async (name: string, range?: { start: number; end: number }) =>
    readFileSync(path.join(directory, name)).subarray(range?.start, range?.end);
  const files: ModelFiles = {
    has: (name) => names.includes(name),
    bytes: (name) => statSync(path.join(directory, name)).size,
    read,
  };
  return {
    table: await readTensorTable(names, files),
    localFile: async (name) => path.join(directory, name),
    // A copy: what is bound must not move, and typed views need its start to be aligned.
    read: async (name, range) => Uint8Array.from(await read(name, range)),
  };
}
