/** The process of `adapters.ts`: prints how many adapters were read and how many of them are used, every 50 and at the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fuzzedAdapter, readFuzzedAdapter } from "../../trainer/testing/fuzzedAdapters.ts";

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
const directory = mkdtempSync(path.join(tmpdir(), "luthier-adapters-"));
let used = 0;
try {
  for (let done = 0; done < count; done++) {
    const adapter = fuzzedAdapter(first + done);
    const result = await readFuzzedAdapter(directory, adapter).catch((error: unknown) => {
      throw new Error(`adapter ${first + done} (${adapter.name}): ${String(error)}`, { cause: error });
    });
    if (result === "used") used++;
    if (done % 50 === 0) process.stdout.write(`${done} ${used}\n`);
  }
  process.stdout.write(`${count} ${used}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
