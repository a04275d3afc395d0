import assert from "node:assert/strict";
import { test } from "node:test";
import type { Progress } from "../../trainer/contract/progress.ts";
import { curveCsv, curveSvg, reduceMetrics } from "./curve.ts";

const line = (done: number, figures: Partial<Progress>): Progress => ({
  phase: "Training",
  done,
  total: 18,
  unit: "steps",
  time: "2026-01-01T00:00:00Z",
  ...figures,
});

test("a point is the mean of its steps' losses and the last validation loss among them", () => {
  const points = reduceMetrics(
    [line(1, { loss: 8 }), line(10, { loss: 6, evalLoss: 6.5 }), line(11, { loss: 5 }), line(18, { evalLoss: 4 })],
    10,
  );
  assert.deepEqual(points, [
    { step: 10, loss: 7, evalLoss: 6.5 },
    { step: 18, loss: 5, evalLoss: 4 },
  ]);
});

test("lines of other phases and lines without a loss make no point", () => {
  assert.deepEqual(reduceMetrics([line(1, {}), line(1, { loss: 1, phase: "Loading" })], 10), []);
});

test("a missing measurement is an empty cell of the table", () => {
  assert.equal(curveCsv([{ step: 10, loss: 1.23456, evalLoss: undefined }]), "step,loss,evalLoss\n10,1.2346,\n");
});

test("the picture puts the highest loss above the lowest", () => {
  const svg = curveSvg([
    { step: 10, loss: 8, evalLoss: undefined },
    { step: 20, loss: 4, evalLoss: 4.5 },
  ]);
  const [first, last] = /points="([^"]*)"/
    .exec(svg)![1]!
    .split(" ")
    .map((point) => point.split(",").map(Number));
  assert.ok(first![1]! < last![1]! && first![0]! < last![0]!);
  assert.equal(svg.match(/<circle/g)?.length, 1);
});
