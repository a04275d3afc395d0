import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzedTokenizer, readFuzzedTokenizer } from "../../testing/fuzzedTokenizers.ts";

/** Some damaged normalizers end the process within the library, which therefore encodes data in processes of its own. */
const count = 150;

test("a damaged tokenizer.json encodes a text, or gives a failure that names it", async () => {
  let readable = 0;
  for (let number = 0; number < count; number++) {
    const result = await readFuzzedTokenizer(fuzzedTokenizer(number)).catch((error: unknown) => {
      throw new Error(`file ${number}: ${String(error)}`, { cause: error });
    });
    if (result === "read") readable++;
  }
  assert.ok(readable > count / 20 && readable < count, `${readable} are readable`);
});
