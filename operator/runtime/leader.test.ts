import assert from "node:assert/strict";
import { test } from "node:test";
import { claim, type Lease } from "./leader.ts";

const lease = (holderIdentity: string): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "l" },
  spec: { holderIdentity, leaseDurationSeconds: 15 },
});

const cases = [
  { name: "no Lease is created", lease: undefined, unchangedMs: 0, expected: "create" },
  { name: "our Lease is renewed", lease: lease("me"), unchangedMs: 100_000, expected: "renew" },
  { name: "a Lease that was given back is taken", lease: lease(""), unchangedMs: 0, expected: "takeOver" },
  { name: "another's fresh Lease is respected", lease: lease("other"), unchangedMs: 15_000, expected: "wait" },
  {
    name: "another's Lease that did not change for its duration is taken",
    lease: lease("other"),
    unchangedMs: 15_001,
    expected: "takeOver",
  },
] as const;

for (const { name, expected, ...observed } of cases) {
  test(name, () => assert.equal(claim(observed, "me"), expected));
}
