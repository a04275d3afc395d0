import assert from "node:assert/strict";
import { test } from "node:test";
import type { Asked, Fault, Plan } from "./faultProxy.ts";
import { contend, cutWrites, tearWatches, throttle } from "./plans.ts";

const write = (identity: string): Asked => ({
  method: "PATCH",
  path: "/apis/luthier.dev/v1alpha1/x",
  watch: false,
  identity,
});
const read: Asked = { method: "GET", path: "/x", watch: false, identity: "x" };
const cuts = (plan: Plan, identity: string, times = 4) =>
  Array.from({ length: times }, () => plan(write(identity))).map((fault) => fault?.kind === "cut" && fault.when);

test("each write is cut once before and once after, then left alone; a read never", () => {
  const plan = cutWrites({ seed: 1, share: 1 });
  assert.deepEqual(cuts(plan, "a"), ["before", "after", false, false]);
  assert.deepEqual(cuts(plan, "b"), ["before", "after", false, false]);
  assert.equal(plan(read), undefined);
});

test("a share of the cuts is a share of all moments, the same for the same seed", () => {
  const all = (seed: number) => {
    const plan = cutWrites({ seed, share: 0.1 });
    return Array.from({ length: 1000 }, (_, index) => cuts(plan, `${index}`, 2)).flat();
  };
  const first = all(1);
  assert.deepEqual(all(1), first);
  assert.notDeepEqual(all(2), first);
  const count = (when: string) => first.filter((one) => one === when).length;
  for (const when of ["before", "after"]) assert.ok(count(when) > 70 && count(when) < 130, `${count(when)} ${when}`);
});

test("throttling spoils its share of all requests, by every kind of answer", () => {
  const plan = throttle({ seed: 1, share: 0.3 });
  const faults = Array.from({ length: 2000 }, () => plan(read)).filter((fault) => fault !== undefined);
  assert.ok(faults.length > 500 && faults.length < 700, `${faults.length}`);
  const kinds = new Set(faults.map((fault: Fault) => JSON.stringify(fault)));
  assert.equal(kinds.size, 4);
});

test("contention is for writes to what can be in conflict", () => {
  const plan = contend({ seed: 1, share: 1 });
  assert.deepEqual(plan(write("a")), { kind: "touch" });
  assert.equal(plan({ ...write("a"), method: "POST" }), undefined);
  assert.equal(plan({ ...write("a"), path: "/apis/coordination.k8s.io/v1/x" }), undefined);
});

test("watches are torn and nothing else is; of those that fall silent there are few", () => {
  const plan = tearWatches({ seed: 1, silent: true });
  assert.equal(plan(read), undefined);
  const faults = Array.from({ length: 8 }, () => plan({ ...read, watch: true }));
  assert.deepEqual(
    faults.map((fault) => fault?.kind === "tear" && fault.silent),
    [true, true, true, true, true, false, false, false],
  );
});
