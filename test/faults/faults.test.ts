/**
 * The operator as processes in front of a real API server: ended at its writes, and stopped while it leads. A tenth of
 * the moments at which it can be ended, by a seed; all of them, and throttled and contended lives, with `npm run soak`.
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

// Each in a namespace of its own, by operators that look at no other.
describe("an operator", { concurrency: 2 }, () => {
  test("ended at a tenth of its writes, before or after, the operator comes to the same end", async (t) => {
    const { faults, starts, seconds } = await lead(bench, "cut", cutShare({ seed: 1, share: 0.1 }));
    t.diagnostic(`${faults.length} cuts, ${starts} starts, ${Math.round(seconds)} s`);
    assert.ok(faults.length > 0 && starts > 1, "nothing was cut: choose another seed");
  });

  test("a leader that stands still loses the Lease and writes nothing when it goes on", async (t) => {
    const { takeOverSeconds } = await stopTheLeader(bench, "leader");
    t.diagnostic(`taken over after ${takeOverSeconds.toFixed(1)} s`);
  });
});
