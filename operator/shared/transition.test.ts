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
  test(`${reason} calls for nobody`, () => assert.equal(typeOf("Reconciling", reason), "Normal"));
}
for (const reason of ["Queued", "HelperSuspended"]) {
  test(`${reason} is a queue's to end`, () => assert.equal(typeOf("Reconciling", reason), "Normal"));
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
  test(`${reason} waits for a person`, () => assert.equal(typeOf("Reconciling", reason), "Warning"));
}
for (const reason of ["Retrying", "Killed", "StoreFull"]) {
  test(`${reason} is a failure, though it is tried again`, () =>
    assert.equal(typeOf("Reconciling", reason), "Warning"));
}
test("what is stalled waits for a person, whatever its reason", () => {
  assert.deepEqual(
    ["BadRow", "DoesNotFit", "Pending"].map((reason) => typeOf("Stalled", reason)),
    ["Warning", "Warning", "Warning"],
  );
});
test("an end and a wish are no warnings", () => {
  assert.equal(typeOf("Ready", "AdapterReady"), "Normal");
  assert.equal(typeOf("Waiting", "Suspended"), "Normal");
});
