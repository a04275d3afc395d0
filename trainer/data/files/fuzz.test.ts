import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzedFile, readFuzzed, seeds } from "../../testing/fuzzedFiles.ts";

/** `npm run soak -- readers` reads many more files. */
const count = 300;

test("damaged files of every format give rows or an error that names the file, for every chunk size", async () => {
  const outcomes = new Map<string, Set<string>>();
  for (let number = 0; number < count; number++) {
    const file = fuzzedFile(number);
    const result = await readFuzzed(file).catch((error: unknown) => {
      throw new Error(`file ${number} (${file.name}): ${String(error)}`, { cause: error });
    });
    const found = outcomes.get(file.name) ?? new Set();
    outcomes.set(file.name, found.add(/^\d+ rows/.test(result) ? "rows" : "failure"));
  }
  for (const { name } of seeds) assert.ok(outcomes.has(name), name);
  assert.ok([...outcomes.values()].filter((found) => found.size === 2).length > seeds.length / 2);
});
