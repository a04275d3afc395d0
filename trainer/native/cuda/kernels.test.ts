/**
 * Compares the CUDA kernels of every op with the reference in double, on the emulated driver: the PTX that ptxas receives,
 * interpreted, with blocks, warps and diverged lanes in order and in shuffled schedules. The interpreter also reports every data
 * race, every access outside of the operands, misalignment and divergence at barriers.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { computing, ops } from "../../ops/index.ts";
import { CaseFiles } from "../../testing/caseFiles.ts";
import { interpretedBytes, kernelCases } from "../../testing/kernelCases.ts";
import { opCase } from "../../testing/opCases.ts";
import { buildNative } from "../build.ts";
import { emulatedDriverPath, executorPath } from "../paths.ts";
import { buildCudaKernels, kernelsPath } from "./build.ts";

const emulated = { LUTHIER_CUDA_DRIVER: emulatedDriverPath, LUTHIER_CUDA_KERNELS: kernelsPath };
let files: CaseFiles;

before(async () => {
  await buildNative();
  await buildCudaKernels();
  const cases = await kernelCases(computing(ops));
  const encoded = cases.map((one) => ({ name: one.name, bytes: opCase(one, "cuda") }));
  files = new CaseFiles(encoded.filter(({ bytes }) => bytes.length < interpretedBytes));
});
after(() => files.remove());

suite("CUDA kernels, interpreted", () => {
  for (const seed of [0, 7]) {
    test(`they agree with the reference in double, ${seed === 0 ? "in order" : "in a shuffled schedule"}`, () => {
      const options = ["--backend", "cuda", "--poison", "--against", "reference64"];
      const environment = { ...emulated, LUTHIER_PTX_SEED: String(seed) };
      const { status, failures, stderr } = files.executeWith(environment, executorPath, ...options);
      assert.deepEqual({ status, failures, stderr }, { status: 0, failures: [], stderr: "" });
    });
  }

  test("a machine without an NVIDIA driver gets the reason and the fix", () => {
    const missing = { ...emulated, LUTHIER_CUDA_DRIVER: "/nowhere/libcuda.so.1" };
    const { status, stderr } = files.executeWith(missing, executorPath, "--backend", "cuda");
    assert.equal(status, 2);
    assert.match(stderr, /the NVIDIA driver could not be loaded .*the backend cuda needs a GPU and its driver/);
  });
});
