/**
 * Writes adapters like our trainer, with the goldens' initial parameters, for checks in PEFT (README.md).
 *
 *   node tools/node24.mjs test/golden/ourAdapter.ts [CASE…]     writes the directories of `ourAdapters` into data
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { encodeSafetensors } from "../../trainer/formats/safetensorsWriter.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { writeAdapter } from "../../trainer/weights/adapter.ts";
import { configWithGiven } from "../../trainer/weights/givenAdapters.ts";
import { StoredModel } from "../../trainer/weights/storedModel.ts";
import { plainBase } from "./bases.ts";
import { type GoldenRun, givenIn, openCase } from "./engines.ts";
import { goldenPath, readCase, Tensors } from "./goldens.ts";
import { logits } from "./measure.ts";

/**
 * Per golden: the directory of our adapter, and of one that PEFT trained and saved, for bottleneck adapters AdapterHub's
 * library; PEFT itself has no KronA.
 */
export const ourAdapters = {
  "lora-all-linear": { ours: "our-adapter", theirs: "peft-adapter" },
  "dora-all-linear": { ours: "our-dora", theirs: "peft-dora" },
  adalora: { ours: "our-adalora", theirs: "peft-adalora" },
  "prefix-tuning": { ours: "our-prefix", theirs: "peft-prefix" },
  pissa: { ours: "our-pissa", theirs: "peft-pissa" },
  olora: { ours: "our-olora", theirs: "peft-olora" },
  eva: { ours: "our-eva", theirs: "peft-eva" },
  loftq: { ours: "our-loftq", theirs: "peft-loftq" },
  "qwen2-lora": { ours: "our-rslora", theirs: "peft-rslora" },
  "lora-embedding": { ours: "our-embedding", theirs: "peft-embedding" },
  "lora-saved": { ours: "our-saved", theirs: "peft-saved" },
  "lora-saved-tied": { ours: "our-saved-tied", theirs: "peft-saved-tied" },
  "lora-tokens": { ours: "our-tokens", theirs: "peft-tokens" },
  "lora-tokens-tied": { ours: "our-tokens-tied", theirs: "peft-tokens-tied" },
  loha: { ours: "our-loha", theirs: "peft-loha" },
  lokr: { ours: "our-lokr", theirs: "peft-lokr" },
  krona: { ours: "our-krona", theirs: undefined },
  "prompt-tuning": { ours: "our-prompt", theirs: "peft-prompt" },
  "p-tuning": { ours: "our-ptuning", theirs: "peft-ptuning" },
  "p-tuning-lstm": { ours: "our-ptuning-lstm", theirs: undefined },
  ia3: { ours: "our-ia3", theirs: "peft-ia3" },
  xlora: { ours: "our-xlora", theirs: "peft-xlora" },
  "bottleneck-houlsby": { ours: "our-houlsby", theirs: "adapterhub-houlsby" },
  "bottleneck-pfeiffer-qwen2": { ours: "our-pfeiffer", theirs: "adapterhub-pfeiffer" },
  "bottleneck-parallel-nf4": { ours: "our-parallel", theirs: "adapterhub-parallel" },
} as const;
export type SavedCase = keyof typeof ourAdapters;
export const savedCases = Object.keys(ourAdapters) as readonly SavedCase[];

/** The golden's model with the saved parameters. */
export async function openSaved(name: SavedCase): Promise<GoldenRun> {
  const run = await openCase(readCase(name), { backend: "cpu", precision: "F32" });
  // Untrained, PiSSA and OLoRA change nothing: their B is changed here.
  const kept = new Set(run.engine.stateOf("first").map((tensor) => tensor.name));
  for (const tensor of kept) if (tensor.endsWith(".lora_B.weight")) run.engine.floats("parameter", tensor).reverse();
  // Some of AdaLoRA's triplets have been removed, and the files omit them.
  const factors = run.engine.stateOf("parameter").filter((tensor) => tensor.name.endsWith(".lora_E"));
  for (const [index, tensor] of factors.entries()) run.engine.floats("parameter", tensor.name).fill(0, 0, index % 4);
  await run.engine.run({ program: "derive" });
  return run;
}

/** The adapter's files, made by our writer. */
export async function writtenFiles(run: GoldenRun, name: SavedCase): Promise<ReadonlyMap<string, Uint8Array>> {
  const made = mkdtempSync(path.join(tmpdir(), "luthier-golden-"));
  try {
    const stores = new Stores();
    const { method } = run.engine.compiled.spec;
    if (method.kind === "none") throw new Error("nothing is trained");
    const parameters = new Map(
      run.engine.stateOf("parameter").map(({ name }) => [name, run.engine.floats("parameter", name)]),
    );
    const base = await baseWithGiven(name, stores, path.join(made, "base"));
    const result = { engine: run.engine, parameters, base, baseDataType: "F32" } as const;
    const { base: baseName } = readCase(name).settings;
    const named = { baseUri: `file:///${baseName}`, baseName: { name: baseName, revision: null } };
    const facts = { runHash: "0".repeat(64), baseDigest: `sha256:${"0".repeat(64)}`, ...named, method, steps: 20 };
    const directory = path.join(made, "adapter");
    await writeAdapter(stores, pathToFileURL(directory).href, result, facts, async () => {});
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" });
    const written = files.filter((file) => /\.(json|safetensors)$/.test(file) && file !== "manifest.json");
    return new Map(written.map((file) => [file, readFileSync(path.join(directory, file))]));
  } finally {
    rmSync(made, { recursive: true });
  }
}

/** The base with the adapters that the method mixes; without any, a model without files. */
async function baseWithGiven(name: SavedCase, stores: Stores, directory: string): Promise<StoredModel> {
  const golden = readCase(name);
  const given = await givenIn(golden);
  if (!given) return new StoredModel(stores, new Map());
  const { base } = golden.settings;
  const config = JSON.parse(readFileSync(goldenPath(`${base}/config.json`), "utf8"));
  const tensors = [...plainBase(new Tensors(`${base}/model.safetensors`)), ...given.tensors];
  mkdirSync(directory);
  writeFileSync(path.join(directory, "config.json"), configWithGiven(config, given.facts));
  writeFileSync(path.join(directory, "model.safetensors"), encodeSafetensors(tensors));
  const uri = pathToFileURL(directory).href;
  const listed = await stores.of(uri).list(uri);
  return new StoredModel(stores, new Map(listed.map((entry) => [entry.path, { uri: `${uri}/${entry.path}`, entry }])));
}

async function write(name: SavedCase): Promise<void> {
  using run = await openSaved(name);
  const directory = goldenPath(ourAdapters[name].ours);
  mkdirSync(directory, { recursive: true });
  for (const [file, bytes] of await writtenFiles(run, name)) {
    mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    writeFileSync(path.join(directory, file), bytes);
  }
  const values = await logits(run);
  const vocabulary = 99;
  const shape = [values.length / vocabulary, vocabulary];
  const data = new Uint8Array(values.buffer);
  writeFileSync(
    path.join(directory, "logits.safetensors"),
    encodeSafetensors([{ name: "logits", dtype: "F32", shape, data }]),
  );
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  for (const name of savedCases) if (asked.length === 0 || asked.includes(name)) await write(name);
}
