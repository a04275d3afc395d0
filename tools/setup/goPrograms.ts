// Builds programs of a pinned Go module once into the cache. The cache key is a digest of the module's files and the build's
// flags, so that only a version change rebuilds them. Go fetches modules by the settings of `go env`.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { run } from "../../terminal/runProgram.ts";
import { cached, cacheRoot, recipeDigest } from "./cache.ts";
import { findGo } from "./go.ts";
import { type OnProgress, withHeartbeat } from "./progress.ts";

export interface GoModule {
  /** The name of the cache entry and the stage. */
  readonly kind: string;
  /** The directory of its go.mod. */
  readonly directory: string;
  /** The packages to build; `tool` (the default) means the module's tool lines. */
  readonly packages?: readonly string[];
  /** The module's own sources of the programs. */
  readonly sources?: readonly string[];
  readonly linkerFlags?: string;
}

export interface GoBuildOptions {
  /** May rename the built programs in the directory. */
  readonly finish?: (directory: string) => void;
  /** If aborted, the compiler is stopped. */
  readonly signal?: AbortSignal | undefined;
}

/** Directory with the programs. */
export async function buildGoPrograms(
  module: GoModule,
  onProgress: OnProgress,
  { finish = () => {}, signal }: GoBuildOptions = {},
): Promise<string> {
  return cached(module.kind, keyOf(module), async (work) => {
    const go = await findGo(onProgress);
    await withHeartbeat(onProgress, (report) => build(go, module, work, report, signal));
    finish(work);
  });
}

/** Whether the programs are built. */
export function hasGoPrograms(module: GoModule): boolean {
  return existsSync(path.join(cacheRoot(), module.kind, keyOf(module)));
}

function keyOf({ directory, sources = [], linkerFlags = stripped }: GoModule): string {
  const files = ["go.mod", "go.sum", ...sources].map((file) => readFileSync(path.join(directory, file), "utf8"));
  return recipeDigest([...files, linkerFlags]);
}

const stripped = "-s -w";

async function build(
  go: string,
  module: GoModule,
  out: string,
  onProgress: OnProgress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { directory, kind, packages = ["tool"], linkerFlags = stripped } = module;
  const report = (message: string, fraction: number) => onProgress({ stage: `build ${kind}`, message, fraction });
  report("fetching Go modules", 0);
  const env = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" };
  const options = { cwd: directory, env, ...(signal && { signal }) };
  const listed = await run(go, ["list", "-deps", ...packages], options);
  const total = listed.stdout.trim().split("\n").length;
  let compiled = 0;
  const onLine = (line: string) => {
    compiled++;
    if (compiled % 20 === 1) report(`compiling ${line}`, Math.min(0.99, compiled / total));
  };
  const args = ["build", "-v", "-trimpath", "-ldflags", linkerFlags, "-o", `${out}/`, ...packages];
  await run(go, args, { ...options, onLine });
  report("done", 1);
}
