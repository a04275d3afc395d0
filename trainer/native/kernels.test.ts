/**
 * Every op of the cpu backend, at each instruction set that this machine has, against the reference in double; and the
 * promises that hold to the bit: any number of threads, dead memory filled with NaN.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { opCase } from "../ops/testing.ts";
import { addon } from "./addon.ts";
import { buildNative } from "./build.ts";
import { kernelCases } from "./cases.ts";
import { executorPath } from "./paths.ts";

const directory = mkdtempSync(join(tmpdir(), "luthier-cases-"));
const cases = kernelCases();
const files = cases.map((_, index) => join(directory, `${index}.case`));

before(async () => {
  await buildNative();
  cases.forEach((c, index) => {
    writeFileSync(files[index]!, opCase(c));
  });
});
after(() => rmSync(directory, { recursive: true }));

/** Runs all cases; the names of those that failed, with the lines that say why. */
function execute(...options: string[]): string[] {
  const result = spawnSync(executorPath, [...options, ...files], { encoding: "utf8", maxBuffer: 2 ** 28 });
  assert(result.status === 0 || result.status === 1, `luthier-exec ${options.join(" ")}: ${result.stderr}`);
  const lines = result.stdout.split("\n");
  let current = "";
  return lines.flatMap((line) => {
    if (line.endsWith(".case")) current = cases[files.indexOf(line)]?.name ?? line;
    return line.startsWith("  FAIL") ? [`${current}: ${line.slice(6).trim()}`] : [];
  });
}

const levels = ["AVX2", "AVX512", "AVX512_BF16"] as const;
const available = levels.slice(0, levels.indexOf(addon().info().isa) + 1);

suite("kernels", () => {
  test("every op has a case", () => {
    const covered = new Set(cases.map(({ op }) => op.name));
    assert.equal(covered.size, 25);
  });

  test("the reference in single precision agrees with double", () => {
    assert.deepEqual(execute("--backend", "reference", "--against", "reference64"), []);
  });

  for (const isa of available) {
    test(`${isa} agrees with the reference in double`, () => {
      assert.deepEqual(execute("--isa", isa, "--threads", "1", "--against", "reference64"), []);
    });

    test(`${isa} gives the same bits for 1 and 3 threads`, () => {
      assert.deepEqual(execute("--isa", isa, "--threads", "3", "--poison", "--against", "cpu", "--bitwise"), []);
    });
  }
});
