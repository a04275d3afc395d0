import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReportedSettings } from "../contract/report.ts";
import { type CardFacts, modelCard } from "./modelCard.ts";

const figures = {
  ...{
    runHash: "h",
    steps: 40,
    bestStep: 30,
    loss: 0.5,
    evalLoss: 0.625,
    trainableParameters: 1200,
    totalParameters: 6_000_000,
  },
  ...{ trainedTokens: 9000, tokensPerSecond: 1, seconds: 1, predictedPeakBytes: 1, measuredPeakBytes: 1, resumes: 0 },
  ...{ adapterDigest: "sha256:0", adapterBytes: 1, numericsVersion: 1, isa: "AVX2" },
};
const settings: ReportedSettings = {
  dataset: {
    sources: ["hf://datasets/acme/mails/train.jsonl", "hf://datasets/acme/mails@v1", "pvc://secret/place"].map(
      (uri) => ({ uri }),
    ),
    maxSequenceLength: 512,
  },
  training: {
    objective: { type: "DPO" },
    length: { kind: "epochs", epochs: 3 },
    ...{ rowsPerStep: 8, learningRate: 2e-4, schedule: { type: "Cosine" }, precision: "BF16", seed: 42 },
  },
};
const facts: CardFacts = {
  name: "mine",
  baseName: "acme/base",
  library: "transformers",
  weights: "BF16",
  adapter: {
    runHash: "h",
    baseDigest: "sha256:1",
    baseUri: "",
    method: { kind: "full" },
    files: [],
  },
  prompts: 8,
  comparison: { maxLogitDifference: 0.01, klDivergence: 1e-6, largestLogit: 10 },
  training: { figures, settings },
  licences: ["LICENSE", "NOTICE"],
};

test("a card names base and data of the hub, settings, figures and licence files, but no place of a store", () => {
  const card = modelCard(facts);
  assert.match(card, /^---\nlibrary_name: transformers\npipeline_tag: text-generation\nbase_model: acme\/base\n/);
  assert.match(card, /base_model_relation: finetune\ndatasets:\n- acme\/mails\n---/);
  for (const line of [
    "| Parameters | 1200 trained, 6000000 in all |",
    "| Validation loss | 0.6250 |",
    "| Settings | DPO, 3 epochs, 4096 tokens per step in rows of 512, learning rate 0.0002 (Cosine), BF16, seed 42 |",
    "| Data | 3 sources |",
    "| Licence of the base | LICENSE, NOTICE |",
  ])
    assert.ok(card.includes(line), `${line} is not in\n${card}`);
  assert.doesNotMatch(card, /secret/);
});

test("a card without a report of the training, or of a base that has no name on the hub, leaves those facts out", () => {
  const card = modelCard({ ...facts, baseName: "./models/base", library: "peft", training: undefined, licences: [] });
  assert.doesNotMatch(card, /base_model:|base_model_relation|datasets:|Settings|Parameters|Licence/);
  assert.match(card, /library_name: peft/);
  assert.match(modelCard({ ...facts, library: "peft", isAdapter: true }), /base_model_relation: adapter/);
});
