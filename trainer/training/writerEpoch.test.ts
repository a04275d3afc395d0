import assert from "node:assert/strict";
import { test } from "node:test";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { WriterEpoch } from "./writerEpoch.ts";

test("concurrent writers take different epochs, and only the last may commit", async (t) => {
  const run = `file://${await temporaryDirectory(t)}`;
  const stores = new Stores();
  const writers = await Promise.all(Array.from({ length: 5 }, () => WriterEpoch.take(stores, run)));
  const byNumber = writers.toSorted((a, b) => a.number - b.number);
  assert.deepEqual(
    byNumber.map(({ number }) => number),
    [1, 2, 3, 4, 5],
  );
  await byNumber.at(-1)!.check();
  for (const writer of byNumber.slice(0, -1)) await assert.rejects(writer.check(), { code: 12, reason: "Superseded" });
});
