/** docs/user-guide/troubleshooting.md lists every reason that stalls an object or blocks a pod. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { readSource, root } from "./imports.ts";

/** Patterns of reasons in the sources: failures of a stage, a step's declared outcomes, causes of a Job's wait. */
const reasons: readonly { files: string; says: RegExp }[] = [
  {
    // Without `chat`, which runs in no pod and prints its errors directly.
    files: "trainer/{contract,data,engine,export,formats,methods,stages,stores,training,weights}/**/*.ts",
    says: /\b(?:invalid|corrupt|diverged|StageFailure)\(\s*(?:exitCode\.(?!stopped)\w+,\s*)?"(\w+)"/g,
  },
  { files: "trainer/*.ts", says: /\b(?:invalid|corrupt|StageFailure)\(\s*(?:exitCode\.(?!stopped)\w+,\s*)?"(\w+)"/g },
  { files: "operator/{finetunejob,finetunerun,adapter}/*.ts", says: /\bstalled\("\w+", "(\w+)"\)/g },
  { files: "operator/jobs/{outcome,waiting,create,lostReports}.ts", says: /\b(?:reason: |reportLost = )"(\w+)"/g },
];

const page = readSource("docs/user-guide/troubleshooting.md");

for (const { files, says } of reasons) {
  test(`the troubleshooting page lists every reason of ${files}`, () => {
    const sources = globSync(files, { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
    const said = new Set(
      sources.flatMap((file) => [...readSource(file).matchAll(says)].map(([, reason = ""]) => reason)),
    );
    assert.ok(said.size > 1, `${[...said]}`);
    assert.deepEqual(
      [...said].filter((reason) => !page.includes(`\`${reason}\``)),
      [],
    );
  });
}
