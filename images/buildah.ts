// Runs buildah with a separate storage for each build: it does not access the machine's images, builds can run in parallel,
// and removing the directory removes everything. Its mounts are in a namespace that ends with it.

import path from "node:path";
import { run } from "../terminal/runProgram.ts";

/** One call of buildah; resolves with its stdout. */
export type Buildah = (...args: readonly string[]) => Promise<string>;

/** buildah as root, without a container runtime (chroot isolation), on images kept below `directory`. */
export function buildahIn(directory: string): Buildah {
  const env = { ...process.env, BUILDAH_ISOLATION: "chroot" };
  const storage = ["--root", path.join(directory, "root"), "--runroot", path.join(directory, "run")];
  return async (...args) => (await run("unshare", ["--mount", "--", "buildah", ...storage, ...args], { env })).stdout;
}
