import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "./arguments.ts";
import { exitCode } from "./contract/exitCodes.ts";

test("arguments are read with their defaults", () => {
  assert.deepEqual(readArguments(["train", "--run-file", "run.yaml"]), {
    stage: "Train",
    runFile: "run.yaml",
    claims: new Map(),
    threads: 0,
    gpu: undefined,
    memory: undefined,
    metricsPort: undefined,
    terminationLog: undefined,
  });
  const all = [
    "prepare",
    "--run-file",
    "f",
    "--claim",
    "a=/x",
    "--claim",
    "b=/y=z",
    "--threads",
    "3",
    "--metrics-port",
    "9",
  ];
  const read = readArguments(all);
  assert.deepEqual(
    read?.claims,
    new Map([
      ["a", "/x"],
      ["b", "/y=z"],
    ]),
  );
  assert.deepEqual([read?.stage, read?.threads, read?.metricsPort], ["Prepare", 3, 9]);
  const gpuOf = (...argv: string[]) => readArguments(["train", "--run-file", "f", "--device", "cuda", ...argv])?.gpu;
  assert.deepEqual([gpuOf(), gpuOf("--gpu-class", "NVIDIA-L4")], [{ product: undefined }, { product: "NVIDIA-L4" }]);
  assert.equal(readArguments(["--help"]), undefined);
});

const wrong: [string[], RegExp][] = [
  [[], /prepare, check, train or export/],
  [["fly", "--run-file", "f"], /name one command: prepare/],
  [["train", "export", "--run-file", "f"], /name one command: prepare/],
  [["toString", "--run-file", "f"], /name one command: prepare/],
  [["train"], /--run-file/],
  [["train", "--run-file", "f", "--claim", "a"], /--claim a: must be NAME=DIRECTORY/],
  [["train", "--run-file", "f", "--claim", "a="], /--claim a=: must be NAME=DIRECTORY/],
  [["train", "--run-file", "f", "--threads", "many"], /--threads many/],
  [["train", "--run-file", "f", "--metrics-port", "65536"], /--metrics-port 65536/],
  [["train", "--run-file", "f", "--device", "gpu"], /--device gpu: must be cpu or cuda/],
  [["train", "--run-file", "f", "--gpu-class", "NVIDIA-L4"], /--gpu-class needs --device cuda/],
  [["train", "--run-file", "f", "--fast"], /--fast/],
];

for (const [argv, reason] of wrong) {
  test(`the parser refuses ${JSON.stringify(argv)}`, () => {
    assert.throws(
      () => readArguments(argv),
      (error: Error) => reason.test(error.message) && "code" in error && error.code === exitCode.usage,
    );
  });
}
