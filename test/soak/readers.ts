/**
 * `npm run soak -- readers`: reads many randomly damaged data files of every form, and tokenizer.json of every kind. An error
 * names the number of the file.
 */
import type { Stage } from "../../terminal/stages.ts";
import { fuzzedFile, readFuzzed } from "../../trainer/testing/fuzzedFiles.ts";
import { fuzzedTokenizer, readFuzzedTokenizer } from "../../trainer/testing/fuzzedTokenizers.ts";

/** Files with the numbers from `first`; `read` tells whether one is readable. */
export function readerStages(first: number, count: number): { stages: Stage[]; close(): void } {
  const stageOf = (files: string, read: (number: number) => Promise<boolean>): Stage => ({
    title: `${count} damaged ${files}`,
    run: (report) => readAll(first, count, read, report),
  });
  return { stages: [stageOf("data files", dataFile), stageOf("tokenizers", tokenizer)], close: () => {} };
}

async function dataFile(number: number): Promise<boolean> {
  const file = fuzzedFile(number);
  const result = await readFuzzed(file).catch(faultOf(number, file.name));
  return /^\d+ rows/.test(result);
}

async function tokenizer(number: number): Promise<boolean> {
  const name = "tokenizer.json";
  const result = await readFuzzedTokenizer(fuzzedTokenizer(number)).catch(faultOf(number, name));
  return result === "read";
}

const faultOf = (number: number, name: string) => (error: unknown) => {
  throw new Error(`file ${number} (${name}): ${String(error)}`, { cause: error });
};

async function readAll(
  first: number,
  count: number,
  read: (number: number) => Promise<boolean>,
  report: Parameters<Stage["run"]>[0],
): Promise<string> {
  let readable = 0;
  for (let done = 0; done < count; done++) {
    if (await read(first + done)) readable++;
    if (done % 100 === 0) report({ message: `${done} of ${count}`, fraction: done / count });
  }
  return `${readable} of ${count} are readable, the others give a failure that names them`;
}
