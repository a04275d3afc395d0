import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { reachable, readImports } from "../test/imports.ts";
import { isRunTimeSource, isUsedAtRunTime, packagesOf, REPOSITORY, TARGETS } from "./context.ts";

const names: [string, boolean][] = [
  ["operator/main.ts", true],
  ["trainer/contract/golden.json", true],
  ["cli/luthier.mjs", true],
  ["trainer/graph/layOut.test.ts", false],
  ["trainer/native/runtime/gemm.cc", false],
  ["trainer/native/build/luthier.node", false],
  ["trainer/native/build/compile_commands.json", false],
  ["operator/node_modules/zod/index.ts", false],
  ["trainer/testing/builders.ts", false],
  ["trainer/testing/opCases.ts", false],
  ["trainer/ops/linear/cases.ts", false],
];
for (const [name, included] of names) {
  test(`${name} is ${included ? "" : "not "}in an image`, () => assert.equal(isRunTimeSource(name), included));
}

test("each image contains everything that its program imports", () => {
  const graph = readImports();
  for (const target of TARGETS) {
    const own = [...reachable(graph, `${target}/main.ts`)].filter((file) => graph.has(file));
    assert.ok(own.length > 50);
    assert.deepEqual(
      own.filter((file) => !isRunTimeSource(file)),
      [],
    );
  }
});

test("only the trainer's image contains the tokenizers library, with one platform's binary", () => {
  assert.ok(packagesOf("trainer").includes("node_modules/tokenizers"));
  assert.ok(!packagesOf("operator").includes("node_modules/tokenizers"));
  assert.ok(packagesOf("operator").includes("node_modules/zod"));
  const kept = readdirSync(`${REPOSITORY}/node_modules/tokenizers`).filter(isUsedAtRunTime);
  assert.deepEqual(
    kept.filter((name) => name.endsWith(".node")),
    [`tokenizers.linux-${process.arch}-gnu.node`],
  );
  assert.ok(kept.includes("index.js") && !kept.includes("index.d.ts"));
});
