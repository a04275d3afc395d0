/** The repository's other commands describe their use and refuse unknown options. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
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

test("a command keeps the compiled form of its files in node_modules, unless the environment names another directory", async (t) => {
  const directory = await temporaryDirectory(t);
  const script = `${directory}/where.ts`;
  await writeFile(script, 'import { getCompileCacheDir } from "node:module";\nconsole.log(getCompileCacheDir());\n');
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env;
  const keptIn = async (env: NodeJS.ProcessEnv) =>
    (await promisify(execFile)(process.execPath, [path.join(root, "tools/node24.mjs"), script], { env })).stdout;
  assert.match(await keptIn(environment), /\/node_modules\/\.cache\/node\//);
  assert.ok((await keptIn({ ...environment, NODE_COMPILE_CACHE: `${directory}/own` })).startsWith(`${directory}/own`));
});
