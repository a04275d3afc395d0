/**
 * The build refuses an object of one instruction set that defines symbols which other objects may define too, by name.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nativeRoot } from "./paths.ts";

const directory = mkdtempSync(join(tmpdir(), "luthier-symbols-"));
after(() => rmSync(directory, { recursive: true }));

/** The result of the build's check of an object with this source, compiled as avx512 kernels. */
function checked(source: string): { status: number | null; stderr: string } {
  const object = join(directory, "kernels.o");
  const compiled = spawnSync(process.env.CXX || "g++", ["-std=c++20", "-x", "c++", "-c", "-", "-o", object], {
    input: source,
    encoding: "utf8",
  });
  assert.equal(compiled.status, 0, compiled.stderr);
  const script = join(nativeRoot, "cpu/ownSymbols.cmake");
  return spawnSync("cmake", ["-DNM=nm", "-DISA=avx512", `-DOBJECT=${object}`, "-P", script], { encoding: "utf8" });
}

const own = `
  namespace luthier { template <class T> [[gnu::used]] inline int over(T) { return 1; } }
  namespace luthier::avx512 {
  struct Mine {};
  [[gnu::used]] inline int mine() { return over(Mine{}); }
  }
  namespace { [[gnu::used]] int local() { return 2; } }`;

test("the check accepts symbols of the instruction set's namespace, templates over its types, and local symbols", () => {
  assert.deepEqual([checked(own).status, checked(own).stderr], [0, ""]);
});

for (const [what, source, symbol] of [
  ["a shared inline function", "namespace luthier { [[gnu::used]] inline int shared() { return 3; } }", "6shared"],
  ["a template over a shared type", "namespace luthier { template int over(float); }", "4overIf"],
  ["a function of another instruction set", "namespace luthier::avx512Bf16 { int other() { return 4; } }", "5other"],
] as const) {
  test(`the check refuses ${what}`, () => {
    const { status, stderr } = checked(`${own}\n${source}`);
    assert.notEqual(status, 0);
    assert.match(stderr, new RegExp(symbol));
    assert.doesNotMatch(stderr, /6avx512/);
  });
}
