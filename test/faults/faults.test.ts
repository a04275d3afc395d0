/**
 * Runs the operator as processes with a real API server: ends it at its writes, and stops it while it leads. Tests a tenth of
 * the possible moments, chosen by a seed; `npm run soak` tests all of them, and throttled and contended lives.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Bench } from "../e2e/bench.ts";
import { stopTheLeader } from "./leader.ts";
import { lead } from "./life.ts";
import { cutShare } from "./plans.ts";

let bench: Bench;

before(async () => {
  bench = await Bench.start({ name: "faults", operator: false });
});
after(() => bench?.stop());

// Each in a separate namespace, by operators that watch no other.
describe("an operator", { concurrency: 2 }, () => {
  test("an operator that is ended before or after a tenth of its writes reaches the same result", async (t) => {
    const { faults, starts, seconds } = await lead(bench, "cut", cutShare({ seed: 1, share: 0.1 }));
    t.diagnostic(`${faults.length} cuts, ${starts} starts, ${Math.round(seconds)} s`);
    assert.ok(faults.length > 0 && starts > 1, "nothing was cut: choose another seed");
  });

  test("a stopped leader loses the Lease and writes nothing when it continues", async (t) => {
    const { takeOverSeconds } = await stopTheLeader(bench, "leader");
    t.diagnostic(`taken over after ${takeOverSeconds.toFixed(1)} s`);
  });
});
