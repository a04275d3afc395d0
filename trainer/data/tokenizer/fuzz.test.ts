import assert from "node:assert/strict";
import { test } from "node:test";
import { readFuzzedTokenizers } from "../../testing/fuzzedTokenizers.ts";

/** `npm run soak -- tokenizers` reads many more files. */
const count = 150;

test("a damaged tokenizer.json encodes a text, or gives a failure that names it, even if it ends the library's process", async () => {
  const { readable, refused, crashes } = await readFuzzedTokenizers(0, count);
  assert.equal(readable + refused + crashes, count);
  assert.ok(readable > count / 20 && refused > count / 20 && crashes > 0, `${readable} ${refused} ${crashes}`);
});
