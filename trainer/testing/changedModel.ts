/** A tiny model with changed tensors and configuration, like checkpoints from other sources. */
import { readFile, writeFile } from "node:fs/promises";
import { decodeTensors } from "../formats/safetensors.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { type TinyShape, writeTinyModel } from "./tinyModel.ts";

export type Tensors = Map<string, Omit<TensorData, "name">>;
export type Config = Record<string, unknown>;
export type ModelChange = (tensors: Tensors, config: Config) => void;

/** Writes the model into `directory` and applies `change` to it. */
export async function writeChangedModel(
  directory: string,
  shape: Partial<TinyShape>,
  change: ModelChange,
): Promise<void> {
  await writeTinyModel(directory, shape);
  await changeModel(directory, change);
}

/** Changes the model in `directory`. */
export async function changeModel(directory: string, change: ModelChange): Promise<void> {
  const [weights, config] = [`${directory}/model.safetensors`, `${directory}/config.json`];
  const tensors: Tensors = new Map(decodeTensors(await readFile(weights)));
  const members: Config = JSON.parse(await readFile(config, "utf8"));
  change(tensors, members);
  await writeFile(weights, encodeSafetensors([...tensors].map(([name, tensor]) => ({ name, ...tensor }))));
  await writeFile(config, JSON.stringify(members));
}

/** Renames every tensor. */
export function rename(tensors: Tensors, nameOf: (name: string) => string): void {
  const renamed = [...tensors].map(([name, tensor]) => [nameOf(name), tensor] as const);
  tensors.clear();
  for (const [name, tensor] of renamed) tensors.set(name, tensor);
}

/** A tensor of zeros. */
export const zeros = (dtype: "F32" | "BF16", ...shape: number[]): Omit<TensorData, "name"> => ({
  dtype,
  shape,
  data: new Uint8Array(shape.reduce((product, dim) => product * dim, dtype === "F32" ? 4 : 2)),
});
