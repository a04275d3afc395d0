import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProgress, parseProgress } from "./progress.ts";
import { type Envelope, envelopeLimitBytes, parseEnvelope } from "./report.ts";

const digest = `sha256:${"f".repeat(64)}`;

const largest: Envelope = {
  v: 1,
  stage: "Prepare",
  outcome: "Succeeded",
  reason: "R".repeat(64),
  message: "m".repeat(1024),
  reportDigest: digest,
  figures: {
    prepareKey: "0".repeat(80),
    baseRevision: "r".repeat(128),
    baseDigest: digest,
    datasetDigest: digest,
    evaluationSetDigest: digest,
    model: {
      family: "llama",
      vocabSize: 999_999,
      hiddenSize: 65_536,
      intermediateSize: 262_144,
      layers: 512,
      heads: 1024,
      kvHeads: 1024,
      headDim: 1024,
      contextLength: 16_777_216,
      ropeTheta: 123_456_789.123,
      rmsNormEps: 0.000_012_345,
      tieWordEmbeddings: false,
    },
    baseDataType: "BF16",
    baseBytes: Number.MAX_SAFE_INTEGER,
    ggufRefusal: "x".repeat(320),
    dataset: {
      examples: Number.MAX_SAFE_INTEGER,
      validationExamples: Number.MAX_SAFE_INTEGER,
      testExamples: Number.MAX_SAFE_INTEGER,
      tokens: Number.MAX_SAFE_INTEGER,
      trainedTokens: Number.MAX_SAFE_INTEGER,
      rows: Number.MAX_SAFE_INTEGER,
      truncatedExamples: Number.MAX_SAFE_INTEGER,
      duplicateExamples: Number.MAX_SAFE_INTEGER,
      badRows: Number.MAX_SAFE_INTEGER,
      overlongExamples: Number.MAX_SAFE_INTEGER,
      overlongTestExamples: Number.MAX_SAFE_INTEGER,
      firstOverlong: "x".repeat(160),
      ignoredColumns: Array<string>(8).fill("x".repeat(72)),
    },
  },
};

test("the largest envelope fits into the kubelet's 4,096 bytes and reads back", () => {
  const message = JSON.stringify(largest);
  assert.ok(Buffer.byteLength(message) <= envelopeLimitBytes, `${Buffer.byteLength(message)} bytes`);
  assert.deepEqual(parseEnvelope(message), largest);
});

test("a message that is not an envelope parses as undefined and does not throw", () => {
  for (const message of [
    "",
    "{",
    "null",
    "[]",
    '{"v":2}',
    "x".repeat(5000),
    JSON.stringify({ ...largest, figures: { model: 1 } }),
  ]) {
    assert.equal(parseEnvelope(message), undefined, message.slice(0, 40));
  }
});

test("progress lines are distinguished from the rest of a log", () => {
  const progress = {
    phase: "Training",
    done: 3,
    total: 10,
    unit: "steps",
    time: "2026-01-02T03:04:05.000Z",
    loss: 2.5,
  } as const;
  assert.deepEqual(parseProgress(formatProgress(progress)), progress);
  for (const line of ["", "Error: no", '{"level":30}', '{"phase":"Dancing"}', formatProgress(progress).slice(0, -3)]) {
    assert.equal(parseProgress(line), undefined, line);
  }
});
