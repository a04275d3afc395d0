/**
 * Compiles the CUDA kernels to PTX (`build/cuda/kernels.ptx`); no GPU is needed. Skipped when the digest of the sources and
 * flags equals the last build's.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findNvcc } from "../../../tools/setup/cuda.ts";
import type { OnProgress } from "../../../tools/setup/progress.ts";
import { buildDirectory, nativeRoot } from "../paths.ts";

export const kernelsPath = join(buildDirectory, "cuda/kernels.ptx");

/** Without contraction: the kernels' arithmetic is what they write. Every GPU from sm_80 on runs this PTX. */
const flags = ["-std=c++20", "-arch=compute_80", "--fmad=false", "-lineinfo", "--expt-relaxed-constexpr", "-ptx"];

const opsRoot = join(nativeRoot, "../ops");

/** Every header that a kernel may include. */
function digest(): string {
  const hash = createHash("sha256").update(flags.join(" "));
  const files = [
    ...globSync("{cuda,generated,runtime}/*.{h,cuh}", { cwd: nativeRoot }).map((file) => join(nativeRoot, file)),
    ...globSync("{*,backends}/*.{cuh,cu}", { cwd: opsRoot }).map((file) => join(opsRoot, file)),
  ];
  for (const file of files.sort()) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

/** True if the compiled kernels match the sources; in a build that LUTHIER_NATIVE_BUILD names they only need to exist. */
export function cudaKernelsAreBuilt(): boolean {
  if (!existsSync(kernelsPath)) return false;
  if (process.env.LUTHIER_NATIVE_BUILD !== undefined) return true;
  return existsSync(stamp) && readFileSync(stamp, "utf8") === digest();
}

const stamp = join(buildDirectory, "cuda/inputs.sha256");

/** Resolves to true if it compiled. The first call on a machine fetches the compiler. */
export async function buildCudaKernels(onProgress: OnProgress = () => {}): Promise<boolean> {
  if (process.env.LUTHIER_NATIVE_BUILD !== undefined) return false;
  if (cudaKernelsAreBuilt()) return false;
  const current = digest();
  const nvcc = await findNvcc(onProgress);
  mkdirSync(join(buildDirectory, "cuda"), { recursive: true });
  onProgress({ stage: "cuda", message: "compiling the CUDA kernels" });
  // Another process may read the present file, or compile at the same time.
  const unfinished = `${kernelsPath}.${process.pid}`;
  await promisify(execFile)(nvcc, [...flags, "-o", unfinished, join(opsRoot, "backends/kernels.cu")]);
  // The compiler writes absolute paths of the sources; without them every checkout makes the same file.
  writeFileSync(
    unfinished,
    readFileSync(unfinished, "utf8").replaceAll(dirname(nativeRoot.replace(/\/$/, "")), "trainer"),
  );
  renameSync(unfinished, kernelsPath);
  writeFileSync(stamp, current);
  return true;
}

if (import.meta.main) {
  try {
    const built = await buildCudaKernels(({ message }) => console.log(message));
    console.log(built ? "CUDA kernels: compiled" : "CUDA kernels: up to date");
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
