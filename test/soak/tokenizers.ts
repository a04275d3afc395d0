/** `npm run soak -- tokenizers`: loads many randomly damaged tokenizer.json. An error names the number of the file. */
import type { Stage } from "../../terminal/stages.ts";
import { readFuzzedTokenizers } from "../../trainer/testing/fuzzedTokenizers.ts";

/** Files with the numbers from `first`. */
export function tokenizerStages(first: number, count: number): { stages: Stage[]; close(): void } {
  return {
    stages: [
      {
        title: `${count} damaged tokenizers`,
        async run(report) {
          const { readable, refused, crashes } = await readFuzzedTokenizers(first, count, (done) => {
            if (done % 100 === 0) report({ message: `${done} of ${count}`, fraction: done / count });
          });
          return `${readable} encode a text, ${refused} are refused by name, ${crashes} end the library's process and are refused by name`;
        },
      },
    ],
    close: () => {},
  };
}
