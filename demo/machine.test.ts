import assert from "node:assert/strict";
import { test } from "node:test";
import { compilerProgress } from "../cli/nativeBuild.ts";
import { createScreen } from "../terminal/screen.ts";
import type { SpaceNeed } from "../tools/setup/space.ts";
import { imageValues } from "./install.ts";
import { machineStages } from "./machine.ts";

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

test("the stages announce the files of their caller, and none that it does not write", async () => {
  const printed = async (results?: readonly SpaceNeed[]) => {
    const lines: string[] = [];
    const screen = createScreen({ write: (text) => lines.push(text) });
    await machineStages("native", screen, undefined, results);
    return lines.join("");
  };
  assert.doesNotMatch(await printed(), /the trained adapter/);
  const adapter = { what: "the trained adapter", directory: "/", bytes: 100 * 2 ** 20 };
  assert.match(await printed([adapter]), /will write the trained adapter/);
});
