import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { WorkQueue } from "./workqueue.ts";

test("a key that was added twice is processed once", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  queue.add("a");
  assert.equal(await queue.get(), "a");
  queue.done("a");
  assert.equal(queue.length, 0);
});

test("a key in progress is not given out again until it is done", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  await queue.get();
  queue.add("a");
  assert.equal(queue.length, 0);
  queue.done("a");
  assert.equal(await queue.get(), "a");
});

test("keys come in the order in which they were added", async () => {
  const queue = new WorkQueue();
  for (const key of ["b", "a", "c"]) queue.add(key);
  assert.deepEqual([await queue.get(), await queue.get(), await queue.get()], ["b", "a", "c"]);
});

test("a waiting worker gets the next key at once", async () => {
  const queue = new WorkQueue();
  const next = queue.get();
  queue.add("a");
  assert.equal(await next, "a");
});

test("the earliest of several delays of a key applies", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const queue = new WorkQueue();
  queue.addAfter("a", 1000);
  queue.addAfter("a", 5000);
  queue.addAfter("a", 100);
  t.mock.timers.tick(100);
  assert.equal(queue.length, 1);
  await queue.get();
  queue.done("a");
  t.mock.timers.tick(10_000);
  assert.equal(queue.length, 0);
});

test("failures back off by doubling from 5 ms to 1,000 s until the key is forgotten", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const queue = new WorkQueue();
  const delays: number[] = [];
  const addAfter = mock.method(queue, "addAfter", (_: string, ms: number) => delays.push(ms));
  for (let failure = 0; failure < 20; failure++) queue.addRateLimited("a");
  queue.forget("a");
  queue.addRateLimited("a");
  addAfter.mock.restore();
  assert.deepEqual(delays.slice(0, 4), [5, 10, 20, 40]);
  assert.equal(delays[19], 1_000_000);
  assert.equal(delays[20], 5);
});

test("after shutDown the queue accepts no keys, gives out queued keys, then ends its workers", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  queue.addAfter("later", 1);
  queue.shutDown();
  queue.add("b");
  assert.equal(await queue.get(), "a");
  assert.equal(await queue.get(), undefined);
});
