import assert from "node:assert/strict";
import { test } from "node:test";
import type { Progress } from "../../trainer/contract/progress.ts";
import { createStageView } from "./stageView.ts";

const at = (fields: Partial<Progress>): Progress => ({
  phase: "Training",
  done: 30,
  total: 120,
  unit: "steps",
  time: "2026-01-01T00:00:00Z",
  ...fields,
});

test("a view without progress shows only its heading", () => {
  const view = createStageView(() => "Preparing spam-filter");
  assert.deepEqual(view.lines(80), ["Preparing spam-filter"]);
  assert.equal(view.summary(), "Preparing spam-filter");
});

test("a training shows its bar, speed, time left, and the loss as a curve", () => {
  const view = createStageView(() => "Training spam-filter");
  view.add(at({ done: 10, loss: 4 }));
  view.add(at({ done: 20, loss: 2, evalLoss: 2.5 }));
  view.add(at({ done: 30, loss: 1, tokensPerSecond: 6100, estimatedSecondsLeft: 65 }));
  const [heading, bar, curve] = view.lines(110);
  assert.equal(heading, "Training spam-filter");
  assert.match(bar ?? "", /█+.*░ {2}25 % {2}training {2}steps 30\/120 · 6\.1 k tokens\/s · 1 min 05 s left/);
  assert.equal(curve, "  █▃▁  loss 4.000 → 1.000 · validation 2.500");
});

test("the line for a log contains the same figures without drawings", () => {
  const view = createStageView(() => "Training spam-filter");
  view.add(at({ loss: 0.5, evalLoss: 0.75, tokensPerSecond: 6100, estimatedSecondsLeft: 9 }));
  assert.equal(
    view.summary(),
    "Training spam-filter: training 25 % · steps 30/120 · 6.1 k tokens/s · 9 s left · loss 0.5000 · validation 0.7500",
  );
});

test("a step reported twice, as when a log is read again, counts once", () => {
  const view = createStageView(() => "Training");
  for (const loss of [4, 4]) view.add(at({ done: 10, loss }));
  assert.equal(view.lines(80).length, 2);
});

test("no line is wider than the terminal", () => {
  const view = createStageView(() => "Training a-name-that-is-forty-characters-long-indeed");
  for (let step = 0; step < 500; step += 1) view.add(at({ done: step, loss: 1 / (step + 1), tokensPerSecond: 123456 }));
  for (const columns of [20, 40, 79]) {
    for (const line of view.lines(columns)) assert.ok([...line].length <= columns, `${[...line].length} > ${columns}`);
  }
});

test("bytes are shown as bytes", () => {
  const view = createStageView(() => "Preparing");
  view.add(at({ phase: "Staging", unit: "bytes", done: 1024, total: 2048 }));
  assert.match(view.summary(), /staging the inputs 50 % · 1\.00 KiB of 2\.00 KiB/);
});
