/** The process of fuzzedTokenizers.ts: reads the files of the numbers [first, end) and prints a line for each. */
import { writeSync } from "node:fs";
import { fuzzedTokenizer, readFuzzedTokenizer } from "./fuzzedTokenizers.ts";

const [first = 0, end = 0] = process.argv.slice(2).map(Number);
for (let number = first; number < end; number++) {
  try {
    const result = await readFuzzedTokenizer(fuzzedTokenizer(number));
    // Synchronous, since the next file may end the process.
    writeSync(1, result === "read" ? "read\n" : "refused\n");
  } catch (error) {
    writeSync(1, `file ${number}: ${String(error).replaceAll("\n", " ")}\n`);
    break;
  }
}
