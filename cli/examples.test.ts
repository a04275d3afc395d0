/** Plans, trains and exports the examples of the methods, cut to two steps on a model that is small enough for a test. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { givenSources } from "../trainer/contract/methods/index.ts";
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

/** An example of each kind of method, of preferences and of a quantised base (trainer/methods/stages.test.ts trains with every method); demo/manifests.test.ts reads all examples. */
const examples = [
  "full",
  "lora",
  "qlora",
  "dora",
  "adalora",
  "prefixTuning",
  "promptTuning",
  "xlora",
  "preferences",
].map((name) => `docs/examples/${name}.yaml`);

for (const example of examples) {
  test(`${example} is planned, trained and exported`, async (t) => {
    const directory = await temporaryDirectory(t);
    const text = readFileSync(path.join(root, example), "utf8");
    await writeTinyModel(path.join(directory, "models/llama-small"));
    writeData(directory, text);
    writeFileSync(path.join(directory, "job.yaml"), shortened(text));
    for (const { uri } of givenSources(parseDocument(text).toJS().spec.method)) {
      const adapter = path.join(directory, uri.slice("pvc://".length));
      await writeTinyAdapter(adapter, path.join(directory, "models/llama-small"), { lora: {} });
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
    const planned = luthier("plan", "job.yaml", ...claims, "--output-dir", "out", "--explain");
    assert.match(planned, /^ +together +[0-9.]+ MiB +[0-9,]{11,}$/m);
    assert.match(planned, /^recomputed in the backward pass\n +0 of 2 blocks .* planned$/m);
    const sites = planned.match(/^ +model\.layers\.[01]\.\S+ +[0-9]+ × [0-9]+ .*$/gm) ?? [];
    assert.equal(sites.length, 14);
    const fused = sites.filter((line) => line.endsWith("(fused)")).length;
    assert.equal(
      fused,
      {
        full: 0,
        lora: 8,
        qlora: 14,
        dora: 8,
        adalora: 6,
        prefixTuning: 0,
        promptTuning: 0,
        xlora: 0,
        preferences: 14,
      }[path.basename(example, ".yaml")],
    );
    const made = JSON.parse(luthier("run", "job.yaml", ...claims, "--output-dir", "out", "--output", "json"));
    assert.equal(made.training.steps, 2);
    const exported = parseDocument(text).toJS().spec.adapter?.exports.length ?? 0;
    assert.equal(made.exports.length, exported);
  });
}
