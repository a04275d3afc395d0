// Packages of PyPI, unpacked into the cache; a requirements file pins their versions and digests.

import { run } from "../../terminal/runProgram.ts";
import { cached } from "./cache.ts";
import type { OnProgress } from "./progress.ts";

export interface PipPackages {
  /** The cache entry. */
  readonly kind: string;
  readonly key: string;
  /** The requirements file. */
  readonly requirements: string;
  /** The first message of a download. */
  readonly message: string;
}

/** The directory that holds the packages; only the first call for a key downloads them. */
export async function pipPackages(packages: PipPackages, onProgress: OnProgress): Promise<string> {
  const { kind, key, requirements, message } = packages;
  return await cached(kind, key, async (work) => {
    onProgress({ stage: kind, message });
    const pip = ["install", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore", "--target", work];
    await run("pip3", [...pip, "--require-hashes", "--requirement", requirements], {
      onLine: (line) => onProgress({ stage: kind, message: line.trim() }),
    });
  });
}
