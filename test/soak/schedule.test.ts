import assert from "node:assert/strict";
import { test } from "node:test";
import { killSchedule } from "./schedule.ts";

test("equal seeds give equal schedules, and different seeds different ones", () => {
  assert.deepEqual(killSchedule(7, 5000), killSchedule(7, 5000));
  const schedules = new Set(Array.from({ length: 50 }, (_, seed) => JSON.stringify(killSchedule(seed, 5000))));
  assert.equal(schedules.size, 50);
});

test("schedules contain both signals, at times throughout the run", () => {
  const kills = Array.from({ length: 200 }, (_, seed) => killSchedule(seed, 5000)).flat();
  assert.ok(kills.every(({ afterMs }) => afterMs >= 0 && afterMs < 5000));
  assert.ok(kills.some(({ afterMs }) => afterMs < 500) && kills.some(({ afterMs }) => afterMs > 4500));
  for (const signal of ["SIGTERM", "SIGKILL"]) assert.ok(kills.filter((kill) => kill.signal === signal).length > 100);
});
