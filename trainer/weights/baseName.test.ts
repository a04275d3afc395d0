import assert from "node:assert/strict";
import { test } from "node:test";
import { baseNameOf } from "./baseName.ts";

const commit = "a".repeat(40);
const snapshot = "b".repeat(40);
const cache = `hub/models--acme--tiny-llama/snapshots/${snapshot}`;

const cases: [string, Partial<Parameters<typeof baseNameOf>[0]>, string, string | null][] = [
  ["a repository is named as the hub names it", { uri: "hf://acme/tiny-llama" }, "acme/tiny-llama", null],
  ["a revision is its commit", { uri: "hf://acme/tiny-llama", revision: "v1" }, "acme/tiny-llama", commit],
  ["a directory of the hub's cache is its repository", { uri: `pvc://models/${cache}` }, "acme/tiny-llama", snapshot],
  ["such a directory in a bucket too", { uri: `s3://models/${cache}/` }, "acme/tiny-llama", snapshot],
  ["a claim's directory is a relative path", { uri: "pvc://models/base/tiny" }, "./base/tiny", null],
  ["a claim is a relative path", { uri: "pvc://models" }, "./models", null],
  ["a bucket's directory is a relative path", { uri: "s3://bucket/base/" }, "./base", null],
  ["a directory of the machine is a relative path", { uri: "file:///srv/models/tiny" }, "./srv/models/tiny", null],
  [
    "the name that config.json records counts",
    { config: { _name_or_path: "acme/tiny-llama" } },
    "acme/tiny-llama",
    null,
  ],
  ["a recorded directory does not", { config: { _name_or_path: "/home/me/tiny" } }, "./base", null],
  ["a recorded checkpoint does not", { config: { _name_or_path: "out/checkpoint-500" } }, "./base", null],
  ["an invalid recorded name does not", { config: { _name_or_path: ["acme/tiny"] } }, "./base", null],
  ["a missing configuration does not", { config: null }, "./base", null],
];

test("a base gets a name under which other programs find it", async (t) => {
  for (const [title, facts, name, revision] of cases) {
    await t.test(title, () => {
      const given = { uri: "pvc://models/base", revision: undefined, commit, config: {}, ...facts };
      assert.deepEqual(baseNameOf(given), { name, revision });
    });
  }
});
