/**
 * Runs the native code under AddressSanitizer and UndefinedBehaviorSanitizer: every case on every backend, cases with
 * random invalid words, and the addon in Node. An instruction that touches anything but its operands is an error
 * (runtime/sanitize.h).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CaseFiles, levelsHere } from "../testing/caseFiles.ts";
import { kernelCases } from "../testing/kernelCases.ts";
import { opCase, uniform } from "../testing/opCases.ts";
import { buildNative } from "./build.ts";
import { buildDirectory } from "./paths.ts";

const sanitized = join(buildDirectory, "sanitize");
const executor = join(sanitized, "luthier-exec");
const cases = (await kernelCases()).map((one) => ({ name: one.name, bytes: opCase(one) }));
let files: CaseFiles;

before(async () => {
  await buildNative("sanitize");
  files = new CaseFiles(cases);
});
after(() => files.remove());

test("the reference kernels touch only their operands", () => {
  // The reference is slow: the largest shapes would take most of the time.
  const most = new CaseFiles(cases.filter(({ bytes }) => bytes.length < 40_000));
  try {
    assert.deepEqual(most.failuresOf(executor, "--backend", "reference", "--threads", "2", "--poison"), []);
  } finally {
    most.remove();
  }
});

for (const isa of levelsHere()) {
  test(`${isa} kernels touch only their operands and their scratch`, () => {
    assert.deepEqual(files.failuresOf(executor, "--isa", isa, "--threads", "3", "--poison"), []);
  });
}

/** Only the program (header, tensors, instructions) is changed: large sizes of regions before it could be allocated. */
const firstWord = 15;
const headerWords = 80;
const interesting = [-1, 0, 1, 2, 3, 4, 7, 64, 255, 2 ** 20, 2 ** 31 - 1, -(2 ** 31)];

/** Copies of cases with one to three words replaced, most of them near the beginning; some are cut short. */
function wrongCases(count: number): { name: string; bytes: Uint8Array }[] {
  const next = uniform(7);
  const pick = (behind: number) => Math.floor(next() * behind);
  const small = cases.filter(({ bytes }) => bytes.length < 20_000);
  return Array.from({ length: count }, (_, number) => {
    const { name, bytes } = small[pick(small.length)]!;
    const words = new Int32Array(bytes.slice().buffer);
    for (let changes = 1 + pick(3); changes > 0; changes -= 1) {
      const at = firstWord + pick(next() < 0.7 ? headerWords : words.length - firstWord);
      words[at % words.length] = interesting[pick(interesting.length)]!;
    }
    const whole = new Uint8Array(words.buffer);
    return { name: `${number}: ${name}`, bytes: next() < 0.1 ? whole.subarray(0, pick(whole.length)) : whole };
  });
}

test("cases with random invalid words are refused or run, and touch no other memory", () => {
  const wrong = new CaseFiles(wrongCases(1500));
  try {
    const { status, stderr } = wrong.execute(executor, "--isa", "AVX2", "--threads", "1");
    assert.equal(status, 2, stderr.slice(-4000));
    const refused = stderr.split("\n").filter((line) => line.startsWith("luthier-exec: "));
    assert.ok(refused.length > 500, `${refused.length} refused`);
    assert.doesNotMatch(stderr, /Sanitizer|runtime error/);
  } finally {
    wrong.remove();
  }
});

/** A test that limits address space cannot run here, since the sanitizer's shadow memory takes terabytes of it. */
const underALimit = "--test-skip-pattern=more threads than a limit allows";

/** Tests that drive the addon: regions, bindings, mapped files, quantising, whole training steps. */
const inNode = ["./executor.test.ts", "../compile/compile.test.ts", "../../test/golden/nf4.test.ts"];

test("the addon in Node, quantising and whole training steps pass under the sanitizers", () => {
  const runtime = spawnSync(process.env.CXX ?? "g++", ["-print-file-name=libasan.so"], { encoding: "utf8" });
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const paths = inNode.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--test", "--test-isolation=none", underALimit, ...paths],
    {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      env: {
        ...environment,
        LUTHIER_NATIVE_BUILD: sanitized,
        // Node itself is not built with the sanitizer, which must be loaded first; leaks of Node are not reported.
        LD_PRELOAD: runtime.stdout.trim(),
        ASAN_OPTIONS: "detect_leaks=0",
      },
    },
  );
  assert.equal(status, 0, `${stderr.slice(-4000)}\n${stdout.slice(-4000)}`);
  assert.match(stdout, /pass [1-9][0-9]+/);
});
