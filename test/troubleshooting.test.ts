/** docs/user-guide/troubleshooting.md lists every reason that stalls an object or blocks a pod. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { readSource, root } from "./imports.ts";

/** Patterns of reasons in the sources: failures of a stage, a step's declared outcomes, causes of a Job's wait. */
const reasons: readonly { files: string; pattern: RegExp }[] = [
  {
    // Without `chat`, which runs in no pod and prints its errors directly.
    files: "trainer/{contract,data,engine,export,formats,methods,stages,stores,training,weights}/**/*.ts",
    pattern: /\b(?:invalid|corrupt|diverged|StageFailure)\(\s*(?:exitCode\.(?!stopped)\w+,\s*)?"(\w+)"/g,
  },
  {
    files: "trainer/*.ts",
    pattern: /\b(?:invalid|corrupt|StageFailure)\(\s*(?:exitCode\.(?!stopped)\w+,\s*)?"(\w+)"/g,
  },
  { files: "operator/{finetunejob,finetunerun,adapter}/*.ts", pattern: /\bstalled\("\w+", "(\w+)"\)/g },
  { files: "operator/jobs/{outcome,waiting,create,lostReports}.ts", pattern: /\b(?:reason: |reportLost = )"(\w+)"/g },
];

const page = readSource("docs/user-guide/troubleshooting.md");

for (const { files, pattern } of reasons) {
  test(`the troubleshooting page lists every reason of ${files}`, () => {
    const sources = globSync(files, { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
    const found = new Set(
      sources.flatMap((file) => [...readSource(file).matchAll(pattern)].map(([, reason = ""]) => reason)),
    );
    assert.ok(found.size > 1, `${[...found]}`);
    assert.deepEqual(
      [...found].filter((reason) => !page.includes(`\`${reason}\``)),
      [],
    );
  });
}
