import assert from "node:assert/strict";
import { test } from "node:test";
import type { Asked, Fault, Plan } from "./faultProxy.ts";
import { contend, cutAt, cutShare, listWrites, tearWatches, throttle, type Write } from "./plans.ts";

const write = (name: string, namespace = "team"): Asked => ({
  method: "PATCH",
  path: `/apis/luthier.dev/v1alpha1/namespaces/${namespace}/finetunejobs/${name}`,
  watch: false,
});
const read: Asked = { method: "GET", path: "/x", watch: false };
const cuts = (plan: Plan, name: string, times = 4) =>
  Array.from({ length: times }, () => plan(write(name))).map((fault) => fault?.kind === "cut" && fault.when);

test("each write is cut once before and once after, and a read never", () => {
  const plan = cutShare({ seed: 1, share: 1 });
  // The second time it is executed; the third is another write.
  assert.deepEqual(cuts(plan, "a"), ["before", "after", "before", "after"]);
  assert.deepEqual(cuts(plan, "b"), ["before", "after", "before", "after"]);
  assert.equal(plan(read), undefined);
});

test("one life's writes are cut one by one in other lives, with any namespace and hashes in names", () => {
  const writes: Write[] = [];
  const list = listWrites((one) => writes.push(one));
  for (const name of ["job", "run-0123456789abcdef", "job", "job"]) assert.equal(list(write(name)), undefined);
  assert.equal(list(read), undefined);
  assert.deepEqual(
    writes.map(({ what, ordinal }) => [what.split("/").at(-1), ordinal]),
    [
      ["job", 0],
      ["run-*", 0],
      ["job", 1],
      ["job", 2],
    ],
  );
  const other = (plan: Plan) =>
    ["job", "run-fedcba9876543210", "job", "job"].map((name) => {
      const fault = plan(write(name, "other"));
      return fault?.kind === "cut" && fault.when;
    });
  assert.deepEqual(other(cutAt(writes[1]!, "after")), [false, "after", false, false]);
  assert.deepEqual(other(cutAt(writes[2]!, "before")), [false, false, "before", false]);
});

test("a share of the cuts is that share of all moments, and the same for the same seed", () => {
  const all = (seed: number) => {
    const plan = cutShare({ seed, share: 0.1 });
    return Array.from({ length: 1000 }, (_, index) => cuts(plan, `${index}`, 2)).flat();
  };
  const first = all(1);
  assert.deepEqual(all(1), first);
  assert.notDeepEqual(all(2), first);
  const count = (when: string) => first.filter((one) => one === when).length;
  for (const when of ["before", "after"]) assert.ok(count(when) > 140 && count(when) < 260, `${count(when)} ${when}`);
});

test("throttling affects its share of all requests, with every kind of response", () => {
  const plan = throttle({ seed: 1, share: 0.3 });
  const faults = Array.from({ length: 2000 }, () => plan(read)).filter((fault) => fault !== undefined);
  assert.ok(faults.length > 500 && faults.length < 700, `${faults.length}`);
  const kinds = new Set(faults.map((fault: Fault) => JSON.stringify(fault)));
  assert.equal(kinds.size, 4);
});

test("contention affects only writes that can conflict", () => {
  const plan = contend({ seed: 1, share: 1 });
  assert.deepEqual(plan(write("a")), { kind: "touch" });
  assert.equal(plan({ ...write("a"), method: "POST" }), undefined);
  assert.equal(plan({ ...write("a"), path: "/apis/coordination.k8s.io/v1/x" }), undefined);
});

test("only watches are torn, and few of them fall silent", () => {
  const plan = tearWatches({ seed: 1, silent: true });
  assert.equal(plan(read), undefined);
  const faults = Array.from({ length: 8 }, () => plan({ ...read, watch: true }));
  assert.deepEqual(
    faults.map((fault) => fault?.kind === "tear" && fault.silent),
    [true, true, true, true, true, false, false, false],
  );
});
