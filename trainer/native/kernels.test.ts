/**
 * Compares every op of the cpu backend, at each instruction set of this machine, with the reference in double. Checks
 * that results have the same bits for any number of threads and with dead memory filled with NaN, and that no kernel
 * takes more scratch than its op declares.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { embed } from "../ops/embed/op.ts";
import { computing, ops } from "../ops/index.ts";
import { CaseFiles, levelsHere } from "../testing/caseFiles.ts";
import { kernelCases } from "../testing/kernelCases.ts";
import { opCase } from "../testing/opCases.ts";
import { buildNative } from "./build.ts";
import { executorPath } from "./paths.ts";

const cases = await kernelCases();
let files: CaseFiles;

before(async () => {
  await buildNative();
  files = new CaseFiles(cases.map((one) => ({ name: one.name, bytes: opCase(one) })));
});
after(() => files.remove());

suite("kernels", () => {
  test("every computing op has cases, and the test names an op without cases", async () => {
    const covered = new Set(cases.map(({ op }) => op.name));
    assert.deepEqual(
      [...covered],
      computing(ops).map(({ name }) => name),
    );
    const bare = { ...embed, name: "bareOp" };
    await assert.rejects(kernelCases([bare]), /op bareOp has no cases: write trainer\/ops\/bareOp\/cases\.ts/);
  });

  test("the reference in single precision agrees with double", () => {
    assert.deepEqual(files.failuresOf(executorPath, "--backend", "reference", "--against", "reference64"), []);
  });

  for (const isa of levelsHere()) {
    test(`${isa} agrees with the reference in double`, () => {
      const options = ["--isa", isa, "--threads", "1", "--against", "reference64"];
      assert.deepEqual(files.failuresOf(executorPath, ...options), []);
    });

    test(`${isa} gives the same bits for 1 and 3 threads`, () => {
      const options = ["--isa", isa, "--threads", "3", "--poison", "--against", "cpu", "--bitwise"];
      assert.deepEqual(files.failuresOf(executorPath, ...options), []);
    });
  }
});
