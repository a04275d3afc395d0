// buildah with a storage of its own in the cache: the machine's images and containers are neither seen nor touched.

import path from "node:path";
import { cacheRoot } from "../tools/setup/cache.ts";
import { type CommandOptions, run } from "../tools/setup/command.ts";

/** Runs buildah as root without a container runtime of its own (chroot isolation); resolves with stdout. */
export async function buildah(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const storage = path.join(cacheRoot(), "buildah");
  const env = { ...process.env, ...options.env, BUILDAH_ISOLATION: "chroot" };
  const where = ["--root", path.join(storage, "root"), "--runroot", path.join(storage, "run")];
  return (await run("buildah", [...where, ...args], { ...options, env })).stdout;
}
