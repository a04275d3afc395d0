import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "./objects.ts";
import { Store } from "./store.ts";

const pod = (name: string, node: string, resourceVersion = "1"): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "ns", resourceVersion, labels: { node } },
});
const aStore = () => new Store<KubeObject, "node">({ node: ({ metadata }) => [metadata.labels?.node ?? ""] });

test("an object is found by its index until it moves or is deleted", () => {
  const store = aStore();
  store.set(pod("a", "n1"));
  store.set(pod("b", "n1"));
  store.set(pod("a", "n2", "2"));
  assert.deepEqual(
    store.byIndex("node", "n1").map(({ metadata }) => metadata.name),
    ["b"],
  );
  store.delete("ns/a");
  assert.deepEqual(store.byIndex("node", "n2"), []);
});

test("a fresh list deletes missing objects", () => {
  const store = aStore();
  const changes: string[] = [];
  store.set(pod("a", "n1"));
  store.onChange(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
  store.replace([pod("b", "n1")]);
  assert.deepEqual(changes, ["Deleted a", "Added b"]);
});

test("the same version again is no change", () => {
  const store = aStore();
  store.set(pod("a", "n1"));
  let changes = 0;
  store.onChange(() => changes++);
  store.set(pod("a", "n1"));
  assert.equal(changes, 0);
});
