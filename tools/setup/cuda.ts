// The CUDA compiler of PyPI's packages, unpacked into the cache; cudaRequirements.txt pins versions and digests. It compiles
// kernels on machines without a GPU.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { recipeDigest } from "./cache.ts";
import { pipPackages } from "./pip.ts";
import type { OnProgress } from "./progress.ts";

const REQUIREMENTS = fileURLToPath(new URL("cudaRequirements.txt", import.meta.url));

/** Absolute path of `nvcc`; the first call downloads 110 MB, which are 254 MB unpacked. */
export async function findNvcc(onProgress: OnProgress): Promise<string> {
  const directory = await pipPackages(
    {
      kind: "cuda",
      key: recipeDigest([readFileSync(REQUIREMENTS)]),
      requirements: REQUIREMENTS,
      message: "fetching the CUDA compiler from PyPI (nvidia-cuda-nvcc)",
    },
    onProgress,
  );
  const nvcc = path.join(directory, "nvidia/cu13/bin/nvcc");
  if (!existsSync(nvcc)) throw new Error(`there is no ${nvcc}: remove ${directory} and retry`);
  return nvcc;
}
