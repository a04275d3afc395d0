/** Plans, trains and exports every method's example, cut to two steps on a model that is small enough for a test, and compiles those of the pages. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { effectiveSettings } from "../trainer/contract/effective.ts";
import { declarations, givenSources } from "../trainer/contract/methods/index.ts";
import type { ModelConfig } from "../trainer/contract/model.ts";
import { trainingSpec } from "../trainer/contract/settings.ts";
import { refusalOf } from "../trainer/planning/plan.ts";
import { cpuTarget } from "../trainer/planning/target.ts";
import { tinyModel } from "../trainer/testing/compiledRun.ts";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
import { writeTinyAdapter } from "../trainer/testing/tinyAdapter.ts";
import { writeTinyModel } from "../trainer/testing/tinyModel.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const main = path.join(root, "cli/main.ts");

const rows: Readonly<Record<string, (n: number) => object>> = {
  Messages: (n) => ({
    messages: [
      { role: "user", content: `is ${n} even?` },
      { role: "assistant", content: n % 2 === 0 ? "yes" : "no" },
    ],
  }),
  PromptCompletion: (n) => ({ prompt: `is ${n} even?`, completion: n % 2 === 0 ? "yes" : "no" }),
  Preference: (n) => ({
    prompt: `is ${n} even?`,
    chosen: n % 2 === 0 ? "yes" : "no",
    rejected: n % 2 === 0 ? "no" : "yes",
  }),
  Text: (n) => ({ text: `${n} is ${n % 2 === 0 ? "even" : "odd"}.` }),
};

/** Writes the example's data, in its formats, to the directories of its claims. */
function writeData(directory: string, text: string): void {
  const { dataset, evaluation } = parseDocument(text).toJS().spec;
  const format = dataset.sources[0].format ?? "Messages";
  const files = [...dataset.sources, dataset.validation, evaluation?.test].filter((one) => one?.uri !== undefined);
  for (const [index, { uri, format: own = format }] of files.entries()) {
    const file = path.join(directory, uri.slice("pvc://".length));
    mkdirSync(path.dirname(file), { recursive: true });
    const lines = Array.from({ length: 120 }, (_, n) => JSON.stringify(rows[own]!(1000 * index + n)));
    writeFileSync(file, `${lines.join("\n")}\n`);
  }
}

/** Cuts the example to two steps of short rows and keeps everything else. */
function shortened(text: string): string {
  const job = parseDocument(text);
  job.deleteIn(["spec", "training", "epochs"]);
  job.setIn(["spec", "training", "maxSteps"], 2);
  job.setIn(["spec", "training", "batchTokens"], 256);
  job.setIn(["spec", "dataset", "maxSequenceLength"], 128);
  return job.toString();
}

/**
 * The examples that `luthier plan` explains too, with the number of fused layers of the two blocks: those whose trained factors are
 * a part of the matrix product.
 */
const fusedLayers: Readonly<Record<string, number>> = {
  ...{ full: 0, lora: 8, qlora: 14, dora: 8, adalora: 6 },
  ...{ prefixTuning: 0, promptTuning: 0, xlora: 0, preferences: 14 },
};

/** Every method's example, preferences and a quantised base; demo/manifests.test.ts reads all others. */
const examples = [...declarations.map(({ kind }) => kind), "qlora", "preferences"];

for (const example of examples) {
  test(`docs/examples/${example}.yaml is planned, trained and exported`, async (t) => {
    const directory = await temporaryDirectory(t);
    const text = readFileSync(path.join(root, "docs/examples", `${example}.yaml`), "utf8");
    const { spec } = parseDocument(text).toJS();
    const base = path.join(directory, spec.baseModel.uri.slice("pvc://".length));
    await writeTinyModel(base, { family: base.includes("qwen2") ? "qwen2" : "llama" });
    writeData(directory, text);
    writeFileSync(path.join(directory, "job.yaml"), shortened(text));
    for (const { uri } of givenSources(spec.method)) {
      const adapter = path.join(directory, uri.slice("pvc://".length));
      await writeTinyAdapter(adapter, base, { lora: {} });
    }
    mkdirSync(path.join(directory, "adapters"), { recursive: true });
    const claims = ["models", "datasets", "adapters"].flatMap((name) => ["--claim", `${name}=${name}`]);
    const luthier = (...argv: string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], {
        cwd: directory,
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
      return stdout;
    };
    if (fusedLayers[example] !== undefined) {
      const planned = luthier("plan", "job.yaml", ...claims, "--output-dir", "out", "--explain");
      assert.match(planned, /^ +together +[0-9.]+ MiB +[0-9,]{11,}$/m);
      assert.match(planned, /^recomputed in the backward pass\n +0 of 2 blocks .* planned$/m);
      const sites = planned.match(/^ +model\.layers\.[01]\.\S+ +[0-9]+ × [0-9]+ .*$/gm) ?? [];
      assert.equal(sites.length, 14);
      const fused = sites.filter((line) => line.endsWith("(fused)")).length;
      assert.equal(fused, fusedLayers[example]);
    }
    const made = JSON.parse(luthier("run", "job.yaml", ...claims, "--output-dir", "out", "--output", "json"));
    assert.equal(made.training.steps, 2);
    assert.equal(made.exports.length, spec.adapter?.exports.length ?? 0);
  });
}

/** A base with all that the pages' examples name: twelve layers, the rows of new tokens, and for LoRA biases and experts. */
const large: ModelConfig = {
  ...tinyModel,
  layers: 12,
  vocabSize: 32_002,
  contextLength: 4096,
  tieWordEmbeddings: false,
};
const pageBases: Readonly<Record<string, ModelConfig>> = {
  bitfit: { ...large, family: "qwen2" },
  lora: {
    ...{ ...large, family: "gpt_oss", attentionBias: true },
    ...{ experts: { count: 2, chosen: 1, width: 8 }, normalizesExperts: true },
    clampedUnit: { alpha: 1.702, limit: 7 },
  },
  xlora: { ...large, givenAdapters: { ranks: [4, 4], modules: ["self_attn.q_proj"] } },
};

for (const { kind } of declarations) {
  test(`the examples on the page of ${kind} are settings that Luthier accepts and compiles, and it says when to use them`, () => {
    const page = readFileSync(path.join(root, "docs/methods", `${kind}.md`), "utf8");
    assert.match(page, /\*\*When to use it\.\*\* \S/);
    const blocks = [...page.matchAll(/^```yaml\n((?:method|baseModel):[\s\S]*?)^```$/gm)].map(([, yaml = ""]) => yaml);
    assert.ok(blocks.length > 0);
    for (const block of blocks) {
      const { baseModel, method } = parseDocument(block).toJS();
      const dataset = { sources: [{ uri: "pvc://datasets/train.jsonl" }] };
      const spec = trainingSpec.parse({ baseModel: { uri: "pvc://models/base", ...baseModel }, dataset, method });
      const facts = { model: pageBases[kind] ?? large, baseDataType: "BF16", quantized: undefined } as const;
      assert.equal(refusalOf({ ...facts, settings: effectiveSettings(spec), target: cpuTarget(1) }), undefined);
    }
  });
}
