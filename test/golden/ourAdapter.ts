/**
 * A LoRA adapter as our trainer writes it, for PEFT to judge (README.md): the parameters of golden `lora-all-linear`.
 *
 *   node tools/node24.mjs test/golden/ourAdapter.ts     writes data/our-adapter
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { encodeSafetensors } from "../../trainer/formats/safetensorsWriter.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { writeAdapter } from "../../trainer/weights/adapter.ts";
import { adapterConfigFile, adapterWeightsFile } from "../../trainer/weights/peftConfig.ts";
import { StoredModel } from "../../trainer/weights/storedModel.ts";
import { type GoldenRun, openCase } from "./engines.ts";
import { goldenPath, readCase } from "./goldens.ts";
import { logits } from "./measure.ts";

export const adapterFiles = [adapterConfigFile, adapterWeightsFile] as const;

/** The adapter's files as our writer makes them. */
export async function writtenFiles(run: GoldenRun): Promise<ReadonlyMap<string, Uint8Array>> {
  const made = mkdtempSync(path.join(tmpdir(), "luthier-golden-"));
  try {
    const stores = new Stores();
    const { method } = readCase("lora-all-linear").settings;
    const parameters = new Map(
      run.engine.stateOf("parameter").map(({ name }) => [name, run.engine.floats("parameter", name)]),
    );
    const result = {
      engine: run.engine,
      parameters,
      base: new StoredModel(stores, new Map()),
      baseDataType: "F32",
    } as const;
    const base = { baseUri: "file:///base-untied", baseName: { name: "base-untied", revision: null } };
    const facts = { runHash: "0".repeat(64), baseDigest: `sha256:${"0".repeat(64)}`, ...base, method };
    const directory = path.join(made, "adapter");
    await writeAdapter(stores, pathToFileURL(directory).href, result, facts, async () => {});
    return new Map(adapterFiles.map((name) => [name, readFileSync(path.join(directory, name))]));
  } finally {
    rmSync(made, { recursive: true });
  }
}

async function main(): Promise<void> {
  using run = await openCase(readCase("lora-all-linear"), { backend: "cpu", precision: "F32" });
  const directory = goldenPath("our-adapter");
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of await writtenFiles(run)) writeFileSync(path.join(directory, name), bytes);
  const values = await logits(run);
  const vocabulary = 99;
  const shape = [values.length / vocabulary, vocabulary];
  const data = new Uint8Array(values.buffer);
  writeFileSync(
    path.join(directory, "logits.safetensors"),
    encodeSafetensors([{ name: "logits", dtype: "F32", shape, data }]),
  );
}

if (import.meta.main) await main();
