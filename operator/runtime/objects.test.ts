import assert from "node:assert/strict";
import { test } from "node:test";
import { readObject } from "./objects.ts";

const resource = { group: "batch", version: "v1", plural: "jobs", kind: "Job" };

test("managed fields are not kept", () => {
  const read = readObject(resource, {
    metadata: { name: "a", managedFields: [{ manager: "kubectl" }] },
    spec: { x: 1 },
  });
  assert.deepEqual(read, { apiVersion: "batch/v1", kind: "Job", metadata: { name: "a" }, spec: { x: 1 } });
});
