import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { reachable, readImports } from "../test/imports.ts";
import { isRunTimeSource, isUsedAtRunTime, PROGRAMS, packagesOf, REPOSITORY, SOURCES, TARGETS } from "./context.ts";

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

test("each image contains everything that its programs import", () => {
  const graph = readImports();
  for (const target of TARGETS) {
    const packages = new Set(packagesOf(target));
    const sources = new Set(SOURCES[target]);
    for (const program of PROGRAMS[target]) {
      const all = [...reachable(graph, program)];
      const own = all.filter((file) => graph.has(file));
      assert.ok(own.length > 50);
      assert.deepEqual(
        own.filter((file) => !isRunTimeSource(file) || !sources.has(file.split("/")[0] ?? "")),
        [],
      );
      const named = all.filter((one) => /^(@[^/]+\/)?[a-z][^/:]*$/.test(one) && !graph.has(one));
      assert.ok(named.includes("zod"), program);
      assert.deepEqual(
        named.filter((one) => !packages.has(`node_modules/${one}`)),
        [],
        program,
      );
    }
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
