import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

test("the remaining time follows from the last half minute; at first and without progress there is no estimate", () => {
  const pace = new Pace();
  pace.add(0, 0);
  pace.add(1000, 10);
  assert.equal(pace.secondsLeft(1000), undefined);
  pace.add(4000, 40);
  assert.equal(pace.secondsLeft(1000), 96);
  for (let second = 5; second <= 60; second++) pace.add(second * 1000, 40 + (second - 4));
  assert.equal(Math.round(pace.secondsLeft(1000)!), 904);
  for (let second = 61; second <= 120; second++) pace.add(second * 1000, 96);
  assert.equal(pace.secondsLeft(1000), undefined);
  pace.add(121_000, 0);
  assert.equal(pace.secondsLeft(1000), undefined);
});
