import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { trainingSpec } from "../trainer/contract/settings.ts";
import { fieldName, ManifestError, type ManifestProblem, readManifest } from "./manifest.ts";

const schema = z.strictObject({ apiVersion: z.string(), kind: z.string(), spec: trainingSpec });

const good = `# a comment
apiVersion: luthier.dev/v1alpha1
kind: FineTuneJob
spec:
  baseModel: {uri: pvc://models/base}
  dataset:
    sources:
      - uri: pvc://data/train.jsonl
  method:
    lora: {rank: 8}
  training:
    learningRate: "2e-4"
`;

const read = (text: string) => readManifest("job.yaml", text, "FineTuneJob", schema);

function problems(text: string): readonly ManifestProblem[] {
  try {
    read(text);
  } catch (error) {
    if (error instanceof ManifestError) return error.problems;
    throw error;
  }
  return [];
}

test("a valid manifest is parsed by its schema", () => {
  assert.equal(read(good).spec.method.lora?.rank, 8);
});

test("other documents of the file are ignored", () => {
  assert.equal(read(`kind: Namespace\n---\n${good}`).kind, "FineTuneJob");
});

const wrong: [string, string, { field: string; line: number; reason: RegExp }][] = [
  ["a bad value", good.replace("rank: 8", "rank: 0"), { field: "spec.method.lora.rank", line: 10, reason: /1/ }],
  [
    "a decimal without quotes",
    good.replace('"2e-4"', "2e-4"),
    { field: "spec.training.learningRate", line: 12, reason: /received number: write a decimal in quotes/ },
  ],
  [
    "a misspelt field",
    good.replace("learningRate", "learningrate"),
    {
      field: "spec.training.learningrate",
      line: 12,
      reason: /no such field \(did you mean learningRate\?\).*maxSteps/,
    },
  ],
  [
    "a missing field",
    good.replace("    sources:\n      - uri: pvc://data/train.jsonl\n", "    packing: true\n"),
    { field: "spec.dataset.sources", line: 7, reason: /is missing \(expected: array\)/ },
  ],
  [
    "a bad element of a list",
    good.replace("pvc://data/train.jsonl", "ftp://data/train.jsonl"),
    { field: "spec.dataset.sources[0].uri", line: 8, reason: /must be pvc:/ },
  ],
  [
    "two methods",
    good.replace("lora: {rank: 8}", "lora: {rank: 8}\n    full: {}"),
    { field: "spec.method", line: 10, reason: /exactly one method/ },
  ],
  [
    "no such kind",
    good.replace("FineTuneJob", "Job"),
    { field: "kind", line: 3, reason: /exactly one FineTuneJob, and holds Job \(line 3\)$/ },
  ],
  [
    "a misspelt kind beside another",
    `kind: Namespace\n---\n${good.replace("FineTuneJob", "FinetuneJob")}`,
    {
      field: "kind",
      line: 5,
      reason: /holds Namespace \(line 1\), FinetuneJob \(line 5\) \(did you mean FineTuneJob\?\)/,
    },
  ],
  [
    "two of the kind",
    `${good}---\n${good}`,
    {
      field: "kind",
      line: 16,
      reason: /exactly one FineTuneJob, and holds FineTuneJob \(line 3\), FineTuneJob \(line 16\)$/,
    },
  ],
  ["an empty file", "# nothing\n", { field: "kind", line: 1, reason: /holds nothing/ }],
  ["broken YAML", `${good}  - [`, { field: "", line: 13, reason: /./ }],
];
for (const [name, text, expected] of wrong) {
  test(`${name} is refused with its field, its line and the reason`, () => {
    const [problem] = problems(text);
    assert.equal(problem?.field, expected.field);
    assert.equal(problem?.line, expected.line);
    assert.match(problem?.reason ?? "", expected.reason);
  });
}

test("all errors are reported at once, each with its line", () => {
  const text = good.replace("rank: 8", "rank: 0").replace('"2e-4"', '"fast"');
  assert.equal(problems(text).length, 2);
  assert.throws(
    () => read(text),
    /job\.yaml:12:19: spec\.training\.learningRate: must be a decimal.*\n.*"fast"\n {20}\^/,
  );
});

test("a field's name is written as in the documentation", () => {
  assert.equal(fieldName(["spec", "dataset", "sources", 0, "uri"]), "spec.dataset.sources[0].uri");
});
