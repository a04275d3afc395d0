/** The repository's other commands describe their use and refuse unknown options. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { describe, test } from "node:test";
import { root } from "./imports.ts";

const scripts = ["images/main.ts", "tools/setup/main.ts", "test/cluster/main.ts", ".dagger/main.ts", "demo/down.ts"];

function outcome(script: string, option: string): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path.join(root, script), option], (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, text: stdout + stderr }),
    );
  });
}

describe("commands of the repository", { concurrency: 2 }, () => {
  for (const script of scripts) {
    test(`${script} --help describes its use`, async () => {
      const { code, text } = await outcome(script, "--help");
      assert.equal(code, 0, text);
      assert.match(text, /\n\n.+\.\n[\s\S]*\nOptions:\n/);
    });
  }

  test("an unknown option ends with 2 and a suggestion", async () => {
    const { code, text } = await outcome("test/cluster/main.ts", "--nam=a");
    assert.deepEqual(
      [code, text],
      [2, "node tools/node24.mjs test/cluster/main.ts has no option --nam (did you mean --name?)\n"],
    );
  });
});
