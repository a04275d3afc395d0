/**
 * Every op of the cpu backend, at each instruction set that this machine has, against the reference in double; and the
 * promises that hold to the bit: any number of threads, dead memory filled with NaN. No kernel takes more scratch than
 * its op's definition says.
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
  test("every op that computes has cases, and an op without them is refused by name", async () => {
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
