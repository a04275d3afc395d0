import assert from "node:assert/strict";
import { test } from "node:test";
import { type Curve, curvesOf, formatCurves, mostPoints, parseCurves, readPoints, reduced } from "./curves.ts";
import type { Progress } from "./progress.ts";

const lineAt = (done: number, more: Partial<Progress>): Progress => ({
  ...{ phase: "Training", done, total: 1000, unit: "steps", time: "2026-01-01T00:00:00Z" },
  ...more,
});

test("a short training keeps every point, and only the curves that it has", () => {
  const lines = [lineAt(1, { loss: 2.34567, gradNorm: 1 }), lineAt(2, { loss: 1e-7, evalLoss: 2, gradNorm: 0.5 })];
  assert.deepEqual(curvesOf([{ ...lineAt(0, {}), phase: "Loading" }, ...lines]), [
    { name: "Loss", points: "1:2.346 2:1e-7" },
    { name: "ValidationLoss", points: "2:2" },
    { name: "GradientNorm", points: "1:1 2:0.5" },
  ]);
  assert.deepEqual(curvesOf([]), []);
});

test("a long curve becomes at most 200 points that cover all of it, each the mean of its group", () => {
  const points = Array.from({ length: 1001 }, (_, index) => ({ step: index + 1, value: index }));
  const few = reduced(points);
  assert.equal(few.length, mostPoints);
  assert.equal(few.at(-1)?.step, 1001);
  assert.deepEqual(few[0], { step: 5, value: 2 });
  const mean = (values: readonly { value: number }[]) => values.reduce((sum, { value }) => sum + value, 0);
  assert.ok(Math.abs(mean(few) / few.length - mean(points) / points.length) < 1);
});

test("the points of a kept curve are read back", () => {
  assert.deepEqual(readPoints({ points: "1:2.346 20:-1e-7" }), [
    { step: 1, value: 2.346 },
    { step: 20, value: -1e-7 },
  ]);
});

test("a log's line gives the curves of its own run, and no other line gives any", () => {
  const curves: Curve[] = [{ name: "Loss", points: "1:2 2:1" }];
  assert.deepEqual(parseCurves(formatCurves("abc", curves), "abc"), curves);
  const hostile: [string, string][] = [
    ["another run", formatCurves("abd", curves)],
    ["two of a name", formatCurves("abc", [...curves, ...curves])],
    ["too many points", formatCurves("abc", [{ name: "Loss", points: Array(201).fill("1:1").join(" ") }])],
    ["no numbers", formatCurves("abc", [{ name: "Loss", points: "1:NaN" }])],
    ["an unknown name", '{"curves":[{"name":"Hacked","points":"1:1"}],"runHash":"abc"}'],
    ["a cut line", formatCurves("abc", curves).slice(0, -3)],
    ["progress", '{"phase":"Training","done":1}'],
  ];
  for (const [what, text] of hostile) assert.equal(parseCurves(text, "abc"), undefined, what);
});
