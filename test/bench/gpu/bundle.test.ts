/** The bundle for a machine with a GPU, run on the emulated driver, and the tables of its results. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import { emulatedDriverPath } from "../../../trainer/native/paths.ts";
import { writeBundle } from "./bundle.ts";
import { resultsIn } from "./report.ts";
import { type CaseReport, linesOf, type Results } from "./results.ts";

const directory = mkdtempSync(path.join(tmpdir(), "luthier-bundle-"));
after(() => rmSync(directory, { recursive: true }));

/** Runs the bundle with a library of the driver. */
const run = (bundle: string, driver: string) =>
  spawnSync(path.join(bundle, "run.sh"), {
    encoding: "utf8",
    env: { PATH: process.env.PATH, LUTHIER_CUDA_DRIVER: driver },
  });

suite("the bundle for a GPU", () => {
  const bundle = path.join(directory, "bundle");

  test("its cases and steps agree with the reference, and have the interpreter's bits", async () => {
    await writeBundle(bundle, { op: "rmsNorm", interpret: true });
    const { status, stdout, stderr } = run(bundle, emulatedDriverPath);
    assert.equal(status, 0, stdout + stderr);
    const lines = linesOf(resultsIn(bundle)).join("\n");
    assert.match(lines, /^emulated \(PTX interpreter\), compute capability 8\.0, driver of CUDA 13\.0, 8\.00 GiB\.$/m);
    const [, good, all] = /^(\d+) of (\d+) cases agree with the reference in double\.$/m.exec(lines) ?? [];
    assert.ok(Number(all) > 30 && good === all, lines);
    const [, equal, compared] = /^(\d+) of (\d+) cases have the interpreter's bits\.$/m.exec(lines) ?? [];
    assert.ok(Number(compared) > 20 && equal === compared, lines);
  });

  test("without a driver its report has the reason", () => {
    const { status, stdout } = run(bundle, "/nowhere/libcuda.so.1");
    assert.equal(status, 1);
    assert.match(stdout, /FAILED {2}cases\.rmsNorm \(status 2\)/);
    assert.match(linesOf(resultsIn(bundle)).join("\n"), /^No part opened a GPU: the NVIDIA driver could not be loaded/);
  });
});

suite("tables of a GPU's results", () => {
  const gpu = {
    name: "NVIDIA H200",
    computeCapability: "9.0",
    driverVersion: "13.0",
    totalBytes: 2 ** 37,
    peakBytes: 2 ** 30,
    openSeconds: 2,
  };
  const good: CaseReport = {
    name: "0000-a.case",
    runs: [{ seconds: 1, ops: { a: 1 } }],
    outputs: [{ name: "a.y", digest: "1", rootMeanSquare: 1, relative: 1e-7, within: true }],
  };
  const results = (changes: Partial<Results["report"]>): Results => ({
    report: {
      statuses: { "cases.a": 0 },
      parts: { "cases.a": { gpu, cases: [good] } },
      ...changes,
    },
    timed: { "training/0001-b.case": { name: "b", flops: 989e12, tokens: 100, type: "BF16" } },
    interpreted: { cases: [{ ...good, outputs: [{ name: "a.y", digest: "2", rootMeanSquare: 1 }] }] },
  });

  test("name what differs, what failed and whose time was over", () => {
    const wrong = {
      ...good,
      name: "0002-c.case",
      outputs: [{ name: "c.y", digest: "3", rootMeanSquare: null, relative: null, within: false }],
    };
    const failed = { name: "0003-d.case", error: "the op d failed on the GPU" };
    const lines = linesOf(
      results({
        statuses: { "cases.a": 2, "training.0001-b": 124 },
        parts: { "cases.a": { gpu, cases: [good, wrong, failed] } },
      }),
    );
    assert.deepEqual(lines.slice(3), [
      "1 of 3 cases agree with the reference in double.",
      "- 0002-c.case differs: c.y not a number",
      "- 0003-d.case failed: the op d failed on the GPU",
      "- the part cases.a ended with status 2",
      "- the part training.0001-b ended with status 124, its time was over",
      "0 of 1 cases have the interpreter's bits.",
      "",
      "No sweep and no training ended.",
    ]);
  });

  test("take the run that was the fastest on the device, and compare it with the GPU's peak", () => {
    const runs = [
      { seconds: 9, ops: { linear: 8, adamw: 1 } },
      { seconds: 3, ops: { linear: 1.5, adamw: 0.5 } },
    ];
    const parts = { "training.0001-b": { gpu, cases: [{ name: "0001-b.case", runs, outputs: [] }] } };
    assert.deepEqual(
      linesOf(results({ statuses: {}, parts })).at(-1),
      "| b | 2000 ms | 3000 ms | 495 | 50.0 % | 50 | 1.00 GiB | linear 75.0 %, adamw 25.0 % |",
    );
  });
});
