import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { cached, cacheRoot, pruneCache, recipeDigest } from "./cache.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "luthier-cache-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("the environment sets the cache's directory, the most specific variable first", () => {
  assert.equal(cacheRoot({ LUTHIER_CACHE: "/a", XDG_CACHE_HOME: "/b" }), "/a");
  assert.equal(cacheRoot({ XDG_CACHE_HOME: "/b" }), "/b/luthier");
  assert.match(cacheRoot({}), /\/\.cache\/luthier$/);
});

test("an entry is made only once", async () => {
  let made = 0;
  const make = async (directory: string) => {
    made++;
    writeFileSync(path.join(directory, "file"), "content");
  };
  await cached("kind", "key", make, root);
  const entry = await cached("kind", "key", make, root);
  assert.equal(readFileSync(path.join(entry, "file"), "utf8"), "content");
  assert.equal(made, 1);
});

test("an entry does not exist after a failure, and the next call makes it", async () => {
  const broken = async (directory: string) => {
    writeFileSync(path.join(directory, "half"), "");
    throw new Error("interrupted");
  };
  await assert.rejects(cached("kind", "key", broken, root), /interrupted/);
  const entry = await cached(
    "kind",
    "key",
    async (directory) => writeFileSync(path.join(directory, "whole"), ""),
    root,
  );
  assert.ok(existsSync(path.join(entry, "whole")) && !existsSync(path.join(entry, "half")));
});

test("the leftovers of a killed process are removed", async () => {
  // Process ids on Linux are below 2^22, so no process has this one.
  const abandoned = path.join(root, "kind/key.making-99999999");
  mkdirSync(abandoned, { recursive: true });
  await cached("kind", "key", async () => {}, root);
  assert.ok(!existsSync(abandoned));
});

test("pruning keeps the newest entries, and directories that are not of the cache", async () => {
  const keys = ["new", "older", "oldest"].map((name) => recipeDigest([name]));
  for (const [age, key] of keys.entries()) {
    const entry = await cached("images", key, async () => {}, root);
    utimesSync(entry, 1000 - age, 1000 - age);
  }
  for (const name of ["holiday", "2024"]) {
    mkdirSync(path.join(root, "images", name));
    utimesSync(path.join(root, "images", name), 1, 1);
  }
  pruneCache("images", 2, root);
  assert.deepEqual(readdirSync(path.join(root, "images")).sort(), ["2024", "holiday", ...keys.slice(0, 2)].sort());
});

test("a digest depends on where one part ends and the next begins", () => {
  assert.notEqual(recipeDigest(["ab", "c"]), recipeDigest(["a", "bc"]));
});
