import assert from "node:assert/strict";
import { test } from "node:test";
import { compilerProgress } from "../cli/nativeBuild.ts";
import { imageValues } from "./install.ts";

const lines: [string, ReturnType<typeof compilerProgress>][] = [
  ["-- Build files have been written to: /x", { message: "compiling" }],
  ["[3/12] Building CXX object CMakeFiles/x.dir/ops/linear.cc.o", { message: "Building linear.cc.o", fraction: 0.25 }],
  ["[12/12] Linking CXX executable luthier-exec", { message: "Linking luthier-exec", fraction: 1 }],
  ["g++: warning", { message: "g++: warning" }],
];
for (const [line, expected] of lines) {
  test(`the compiler's line "${line}" is "${expected.message}"`, () =>
    assert.deepEqual(compilerProgress(line), expected));
}

test("an image's name is split into the chart's values", () => {
  assert.deepEqual(imageValues("trainer", "registry.example:5000/team/luthier-trainer:0123456789abcdef"), [
    "images.trainer.registry=registry.example:5000",
    "images.trainer.repository=team/luthier-trainer",
    "images.trainer.tag=0123456789abcdef",
  ]);
});
