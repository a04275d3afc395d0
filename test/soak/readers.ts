/** `npm run soak -- readers`: reads many randomly damaged data files of every form. An error names the number of the file. */
import type { Stage } from "../../terminal/stages.ts";
import { fuzzedFile, readFuzzed } from "../../trainer/testing/fuzzedFiles.ts";

/** Files with the numbers from `first`. */
export function readerStages(first: number, count: number): { stages: Stage[]; close(): void } {
  const title = `${count} damaged data files`;
  return { stages: [{ title, run: (report) => readAll(first, count, report) }], close: () => {} };
}

async function readAll(first: number, count: number, report: Parameters<Stage["run"]>[0]): Promise<string> {
  let readable = 0;
  for (let done = 0; done < count; done++) {
    const file = fuzzedFile(first + done);
    const result = await readFuzzed(file).catch((error: unknown) => {
      throw new Error(`file ${first + done} (${file.name}): ${String(error)}`, { cause: error });
    });
    if (/^\d+ rows/.test(result)) readable++;
    if (done % 100 === 0) report({ message: `${done} of ${count}`, fraction: done / count });
  }
  return `${readable} of ${count} have rows, the others a failure that names them`;
}
