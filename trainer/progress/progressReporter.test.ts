import assert from "node:assert/strict";
import { test } from "node:test";
import type { Progress } from "../contract/progress.ts";
import { ProgressReporter } from "./progressReporter.ts";

const step = (done: number) => ({ phase: "Training", done, total: 100, unit: "steps" }) as const;

test("a phase reports at most once per second, always at its start and end, and is never silent", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const heard: [string, number][] = [];
  const reporter = new ProgressReporter(({ phase, done }: Progress) => heard.push([phase, done]));
  const take = () => heard.splice(0).map(([phase, done]) => `${phase} ${done}`);

  reporter.report(step(0));
  reporter.report(step(1));
  assert.deepEqual(take(), ["Training 0"]);
  t.mock.timers.tick(1000);
  reporter.report(step(2));
  reporter.report(step(3));
  assert.deepEqual(take(), ["Training 2"]);
  t.mock.timers.tick(4000);
  assert.deepEqual(take(), []);
  t.mock.timers.tick(1000);
  assert.deepEqual(take(), ["Training 3"]);
  reporter.report(step(100));
  reporter.report({ phase: "Saving", done: 0, total: 1, unit: "tensors" });
  assert.deepEqual(take(), ["Training 100", "Saving 0"]);
  reporter.close();
  t.mock.timers.tick(20_000);
  assert.deepEqual(take(), []);
});
