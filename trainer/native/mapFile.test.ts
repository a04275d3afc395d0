import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../testing/temporary.ts";
import { addon } from "./addon.ts";

test("a mapped file has the file's bytes, and stays readable after the file is removed", async (t) => {
  const file = path.join(await temporaryDirectory(t), "f");
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  await writeFile(file, bytes);
  const mapped = addon().mapFile(file, bytes.length);
  await rm(file);
  assert.ok(Buffer.from(bytes).equals(mapped));
  assert.equal(mapped.byteOffset % 4, 0);
});

test("mapFile throws an error for a missing file, and for one shorter than the given size", async (t) => {
  const file = path.join(await temporaryDirectory(t), "f");
  await writeFile(file, "abc");
  assert.throws(() => addon().mapFile(`${file}2`, 3), /cannot open/);
  assert.throws(() => addon().mapFile(file, 4), /has 3 bytes/);
  assert.throws(() => addon().mapFile(file, -1), /too few for -1 at offset 0/);
});
