/** The executor uses the cores that its process may run on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { addon } from "./addon.ts";
import { buildNative } from "./build.ts";

before(() => buildNative());

test("a process that is bound to one core gets one core", () => {
  const [, allowed] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  const addonFile = new URL("./addon.ts", import.meta.url).href;
  const program = `import { addon } from ${JSON.stringify(addonFile)}; console.log(addon().info().cores);`;
  const bound = ["-c", allowed!, process.execPath, "--input-type=module", "-e", program];
  const { stdout, stderr } = spawnSync("taskset", bound, { encoding: "utf8" });
  assert.equal(stdout.trim(), "1", stderr);
  assert.ok(addon().info().cores >= 1);
});
