import assert from "node:assert/strict";
import { test } from "node:test";
import { figuresOf, type Measured, type Outcome } from "./evaluation.ts";
import { sampleToken } from "./sample.ts";
import { scoresOf } from "./scores.ts";

const measured = (metrics: Measured["metrics"], pattern?: string): Measured => ({ metrics, pattern, maxNewTokens: 16 });
const outcome = (answers: readonly string[], references: readonly string[]): Outcome => ({
  answers,
  references,
  prediction: undefined,
});

test("an exact match equals the trimmed reference, and the share of the commonest reference is reported", () => {
  const given = outcome([" yes", "no\n", "maybe", "yes"], ["yes", "no", "no", "no"]);
  assert.deepEqual(figuresOf(measured(["ExactMatch"]), given), {
    exactMatch: 0.5,
    examples: 4,
    majorityShare: 0.75,
  });
});

test("many different references are counted", () => {
  const references = Array.from({ length: 130_000 }, (_, index) => `answer ${index}`);
  assert.equal(figuresOf(measured(["ExactMatch"]), outcome(references, references)).majorityShare, 1 / 130_000);
});

test("each metric is the mean of its scores, in the order of the declarations, and metrics that are not asked for are absent", () => {
  const answers = ['{"a": 1}', "the yes", "5 ", ""];
  const references = ['{"a": 2}', "Yes!", "5", "x"];
  const found = figuresOf(measured(["Pattern", "ValidJson", "F1"], "^[0-9]+$"), outcome(answers, references));
  assert.deepEqual(found, { examples: 4, metrics: { F1: 0.5, ValidJson: 0.5, Pattern: 0.25 } });
  assert.deepEqual(Object.keys(found.metrics!), ["F1", "ValidJson", "Pattern"]);
});

test("perplexity is e to the mean surprise, and a figure that is not finite is left out", () => {
  const settings = measured(["TokenAccuracy", "Perplexity"]);
  const predicted = (surprise: number): Outcome => ({
    answers: [],
    references: ["a", "b"],
    prediction: { tokens: 4, likeliest: 3, surprise },
  });
  assert.deepEqual(figuresOf(settings, predicted(4 * Math.log(2))), {
    examples: 2,
    metrics: { TokenAccuracy: 0.75, Perplexity: 2 },
  });
  for (const surprise of [Number.NaN, Number.POSITIVE_INFINITY, 1e5])
    assert.deepEqual(figuresOf(settings, predicted(surprise)).metrics, { TokenAccuracy: 0.75 });
});

test("words of other scripts are kept whole, and an answer of JSON is one value of RFC 8259", () => {
  const { F1, RougeL, ValidJson } = scoresOf(undefined);
  assert.equal(RougeL("Привет, мир", "привет мир"), 1);
  assert.equal(RougeL("café", "cafe"), 0);
  assert.equal(F1("béa an été", "béa été"), 1);
  const json = (answer: string) => ValidJson(answer, "");
  assert.deepEqual(
    ['{"a":[1,null]} ', "-1.5e3", '"x"', "[".repeat(100_000) + "]".repeat(100_000)].map(json),
    [1, 1, 1, 1],
  );
  assert.deepEqual(
    ["", "{a: 1}", "{'a': 1}", "[1,]", "NaN", "{} {}", "```json\n{}\n```"].map(json),
    [0, 0, 0, 0, 0, 0, 0],
  );
});

test("a pattern that would take a backtracking engine forever takes milliseconds", () => {
  const { Pattern } = scoresOf("^(a+)+$");
  const start = process.cpuUsage();
  assert.equal(Pattern(`${"a".repeat(20_000)}!`, ""), 0);
  assert.equal(Pattern(` ${"a".repeat(20_000)}\n`, ""), 1);
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 2_000_000, `${user + system} µs`);
});

test("sampling follows the distribution at the temperature and is repeatable", () => {
  const logits = Float32Array.of(Math.log(0.7), Math.log(0.3), -40);
  const draw = (temperature: number) => Array.from({ length: 4000 }, (_, i) => sampleToken(logits, temperature, 5, i));
  const share = (tokens: number[]) => tokens.filter((token) => token === 0).length / tokens.length;
  assert.ok(Math.abs(share(draw(1)) - 0.7) < 0.03);
  // At 1/2 the odds 7:3 become 49:9.
  assert.ok(Math.abs(share(draw(0.5)) - 49 / 58) < 0.03);
  assert.deepEqual(draw(1), draw(1));
});
