/** The whole workspace type-checks, is formatted and free of lint, and its generated files are up to date. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { readSource, root } from "./imports.ts";

/** Exit status and output of a tool of node_modules/.bin. */
function tool(name: string, args: readonly string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    const file = path.join(root, "node_modules/.bin", name);
    execFile(file, args, { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ status, output: `${stdout}${stderr}` });
    });
  });
}

test("the workspace type-checks", async () => {
  const { status, output } = await tool("tsc", ["--noEmit"]);
  assert.equal(status, 0, output);
});

test("the workspace is formatted and free of lint", async () => {
  const { status, output } = await tool("biome", ["check", "--error-on-warnings", "--colors=off"]);
  assert.equal(status, 0, output);
});

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test("the lockfile has an entry for every optional package, which `npm ci` requires on other machines", () => {
  const { packages }: { packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
    readSource("package-lock.json"),
  );
  const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter((name) => packages[`node_modules/${name}`] === undefined),
  );
  assert.deepEqual(missing, []);
});
