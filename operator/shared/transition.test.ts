import assert from "node:assert/strict";
import { test } from "node:test";
import { road as roadOfAdapter } from "../adapter/decide.ts";
import { verdict } from "../api/conditions.ts";
import { calmReasons } from "../api/outcome.ts";
import { road } from "../finetunejob/decide.ts";
import { road as roadOfRun } from "../finetunerun/decide.ts";
import { eventType } from "./transition.ts";

const calm = calmReasons(road, roadOfRun, roadOfAdapter);
const typeOf = (kind: Parameters<typeof verdict>[0], reason: string) => {
  const conditions = verdict(kind, reason, "").map((one) => ({ ...one, lastTransitionTime: "2026-01-02T03:04:05Z" }));
  return eventType({ conditions }, calm);
};

for (const reason of [
  "ResolvingInputs",
  "InputsResolved",
  "Starting",
  "Pending",
  "Training",
  "Stopping",
  "Exporting",
  "Deleting",
]) {
  test(`${reason} needs no person`, () => assert.equal(typeOf("Reconciling", reason), "Normal"));
}
for (const reason of ["Queued", "HelperSuspended"]) {
  test(`${reason} needs only a queue`, () => assert.equal(typeOf("Reconciling", reason), "Normal"));
}
for (const reason of [
  "Unschedulable",
  "ImagePullBackOff",
  "FailedMount",
  "JobRefused",
  "NodeLost",
  "JobNameTaken",
  "HeldByFinalizer",
]) {
  test(`${reason} needs a person`, () => assert.equal(typeOf("Reconciling", reason), "Warning"));
}
for (const reason of ["Retrying", "Killed", "StoreFull"]) {
  test(`${reason} is a failure, although the operator retries`, () =>
    assert.equal(typeOf("Reconciling", reason), "Warning"));
}
test("a stalled object needs a person, whatever its reason", () => {
  assert.deepEqual(
    ["BadRow", "DoesNotFit", "Pending"].map((reason) => typeOf("Stalled", reason)),
    ["Warning", "Warning", "Warning"],
  );
});
test("an end and a request are no warnings", () => {
  assert.equal(typeOf("Ready", "AdapterReady"), "Normal");
  assert.equal(typeOf("Waiting", "Suspended"), "Normal");
});
