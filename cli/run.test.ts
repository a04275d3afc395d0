/** Runs `luthier run`, `plan` and `chat`, a process each, on a model small enough to train in seconds. */
import assert from "node:assert/strict";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
import { writeTinyModel } from "../trainer/testing/tinyModel.ts";
import { luthier } from "./testing/process.ts";

const claims = ["models", "data", "store"];

const withClaims = claims.flatMap((name) => ["--claim", `${name}=${name}`]);

/** A directory with a model, data and a manifest of `steps` steps. */
async function workplace(t: TestContext, steps: number): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(path.join(directory, "models/tiny"));
  const row = (n: number) => ({
    messages: [
      { role: "user", content: `is ${n} even?` },
      { role: "assistant", content: n % 2 === 0 ? "yes" : "no" },
    ],
  });
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => `${JSON.stringify(row(from + index))}\n`).join("");
  for (const name of ["data", "store"]) mkdirSync(path.join(directory, name));
  writeFileSync(path.join(directory, "data/train.jsonl"), lines(0, 40));
  writeFileSync(path.join(directory, "data/test.jsonl"), lines(40, 48));
  writeFileSync(path.join(directory, "job.yaml"), manifest(steps));
  return directory;
}

const manifest = (steps: number) => `apiVersion: luthier.dev/v1alpha1
kind: FineTuneJob
metadata: {name: even-or-odd}
spec:
  baseModel: {uri: pvc://models/tiny}
  dataset: {sources: [{uri: pvc://data/train.jsonl}], maxSequenceLength: 64}
  method: {lora: {rank: 4}}
  training: {maxSteps: ${steps}, batchTokens: 256, checkpoint: {everySteps: 5}}
  evaluation: {test: {uri: pvc://data/test.jsonl}, metrics: [ExactMatch], maxNewTokens: 4}
  placement: {gpusPerNode: 0}
  artifacts: {uri: pvc://store}
  adapter: {exports: [{name: merged, merged: {}}]}
`;

const result = z.object({
  runHash: z.string(),
  adapterDirectory: z.string(),
  training: z.object({
    steps: z.number(),
    resumes: z.number(),
    adapterDigest: z.string(),
    evaluationAfter: z.object({ examples: z.number() }),
  }),
  exports: z.array(z.object({ name: z.string(), directory: z.string(), maxLogitDifference: z.number() })),
});

test("luthier run makes a verified adapter of a manifest, and reuses it the second time", async (t) => {
  const directory = await workplace(t, 10);
  const first = await luthier(directory, ["run", "job.yaml", ...withClaims, "--output", "json"]);
  assert.equal(first.status, 0, first.stderr);
  const made = result.parse(JSON.parse(first.stdout));
  assert.equal(made.training.steps, 10);
  assert.equal(made.training.evaluationAfter.examples, 8);
  assert.ok(existsSync(path.join(made.adapterDirectory, "adapter_model.safetensors")));
  const [merged] = made.exports;
  assert.ok(merged !== undefined && existsSync(path.join(merged.directory, "config.json")));

  const second = await luthier(directory, ["run", "job.yaml", ...withClaims]);
  assert.equal(second.status, 0, second.stderr);
  // A slow machine prints a line of progress between them.
  assert.match(second.stderr, /✓ train +done before\n[^✓]*✓ export merged +done before/);
  assert.match(second.stdout, /exact match[\s\S]*export merged +.* read back/);
  assert.ok(!second.stdout.includes("\u001b") && !second.stderr.includes("\u001b"));

  const talks = [
    ["chat", merged.directory],
    ["chat", made.adapterDirectory, "--base", "models/tiny"],
  ];
  for (const talk of talks) {
    const chat = await luthier(directory, [...talk, "--prompt", "is 3 even?", "--max-tokens", "3", "-o", "json"]);
    assert.equal(chat.status, 0, chat.stderr);
    assert.deepEqual(Object.keys(JSON.parse(chat.stdout)), ["prompt", "answer"]);
  }
});

/** Whether the run has written the figures of a step. */
function hasSteps(directory: string): boolean {
  const [file] = globSync("store/default/runs/*/metrics.jsonl", { cwd: directory });
  return file !== undefined && readFileSync(path.join(directory, file), "utf8").includes("\n");
}

test("a job with an export that its base has no form in is neither planned nor run", async (t) => {
  const directory = await workplace(t, 10);
  const asked = manifest(10).replace("{name: merged, merged: {}}", "{name: phone, gguf: {}}");
  assert.notEqual(asked, manifest(10));
  writeFileSync(path.join(directory, "job.yaml"), asked);
  const tokenizer = path.join(directory, "models/tiny/tokenizer.json");
  const { normalizer: _, ...rest } = JSON.parse(readFileSync(tokenizer, "utf8"));
  writeFileSync(tokenizer, JSON.stringify({ ...rest, normalizer: { type: "Lowercase" } }));
  for (const command of ["plan", "run"]) {
    const refused = await luthier(directory, [command, "job.yaml", ...withClaims]);
    assert.equal(refused.status, 20, refused.stderr);
    assert.match(refused.stderr, /adapter\.exports, phone: gguf: .*normalizer Lowercase.*: export merged.*or remove/);
  }
});

test("Ctrl-C stops a run with exit code 10, and the same command ends with the bytes of an undisturbed run", async (t) => {
  const [disturbed, undisturbed] = [await workplace(t, 300), await workplace(t, 300)];
  const stopped = await luthier(disturbed, ["run", "job.yaml", ...withClaims], {
    interruptWhen: () => hasSteps(disturbed),
  });
  assert.equal(stopped.status, 10, stopped.stderr);
  const digests = new Set<string>();
  for (const directory of [disturbed, undisturbed]) {
    const ended = await luthier(directory, ["run", "job.yaml", ...withClaims, "-o", "json"]);
    assert.equal(ended.status, 0, ended.stderr);
    const { adapterDirectory } = result.parse(JSON.parse(ended.stdout));
    digests.add(readFileSync(path.join(adapterDirectory, "adapter_model.safetensors"), "hex"));
  }
  assert.equal(digests.size, 1);
});

test("a plan shows the costs and the learnt text; a job over its limits is neither planned nor run", async (t) => {
  const directory = await workplace(t, 10);
  const fits = await luthier(directory, ["plan", "job.yaml", ...withClaims]);
  assert.equal(fits.status, 0, fits.stderr);
  assert.match(fits.stdout, /^steps +10,/m);
  assert.match(fits.stdout, /^end tokens +<\|im_end\|> \(257\)$/m);
  assert.match(fits.stdout, /^ +together +\d/m);
  assert.match(fits.stdout, /⟦yes<\|im_end\|>⟧/);
  const small = manifest(10).replace("gpusPerNode: 0", "gpusPerNode: 0, resources: {limits: {memory: 1Mi}}");
  writeFileSync(path.join(directory, "job.yaml"), small);
  const refused = await luthier(directory, ["plan", "job.yaml", ...withClaims]);
  assert.equal(refused.status, 20);
  assert.match(refused.stdout, /does not fit/);
  const run = await luthier(directory, ["run", "job.yaml", ...withClaims]);
  assert.equal(run.status, 20);
  assert.match(run.stderr, /DoesNotFit: the training needs [\d.]+ MiB, but 1\.00 MiB are available/);
});
