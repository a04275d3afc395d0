import assert from "node:assert/strict";
import { test } from "node:test";
import { adapterSeeds, fuzzedAdapter, readFuzzedAdapter } from "../testing/fuzzedAdapters.ts";
import { temporaryDirectory } from "../testing/temporary.ts";

/** `npm run soak -- adapters` reads many more, under AddressSanitizer. */
const count = 100;

test("damaged adapters of every method are used or refused with a failure that names the fault", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const seed of adapterSeeds) {
    const result = await readFuzzedAdapter(directory, seed);
    assert.equal(result, "used", `${seed.name}: ${result}`);
  }
  let [used, refused] = [0, 0];
  for (let number = 0; number < count; number++) {
    const adapter = fuzzedAdapter(number);
    const result = await readFuzzedAdapter(directory, adapter).catch((error: unknown) => {
      throw new Error(`adapter ${number} (${adapter.name}): ${String(error)}`, { cause: error });
    });
    if (result === "used") used++;
    else refused++;
  }
  assert.ok(used > count / 20 && refused > count / 2, `${used} used, ${refused} refused`);
});
