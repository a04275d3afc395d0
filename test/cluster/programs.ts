// The programs of the test cluster, built from one pinned Go module (programs/) into the cache.
// The cache key is the module's files and the build's flags, so a change of a version rebuilds and nothing else does.

import { readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cached, recipeDigest } from "../../tools/setup/cache.ts";
import { run } from "../../tools/setup/command.ts";
import { findGo } from "../../tools/setup/go.ts";
import { type OnProgress, withHeartbeat } from "../../tools/setup/progress.ts";

const MODULE = fileURLToPath(new URL("programs", import.meta.url));
const STAGE = "build cluster";
/** The module's `tool` lines, and the one program that lies in the module itself. */
const PACKAGES = ["tool", "./pause"];

/**
 * Directory with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl, helm and
 * pause. The first build takes minutes (six on two free cores) and fetches its modules as `go env` says.
 */
export async function buildPrograms(onProgress: OnProgress): Promise<string> {
  const read = (file: string) => readFileSync(path.join(MODULE, file), "utf8");
  const flags = linkerFlags(read("go.mod"));
  const key = recipeDigest([read("go.mod"), read("go.sum"), read("pause/main.go"), flags]);
  return cached("cluster-programs", key, async (work) => {
    const go = await findGo(onProgress);
    await withHeartbeat(onProgress, (report) => build(go, flags, work, report));
  });
}

async function build(go: string, flags: string, out: string, report: OnProgress): Promise<void> {
  report({ stage: STAGE, message: "fetching Go modules", fraction: 0 });
  const options = { cwd: MODULE, env: { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" } };
  const listed = await run(go, ["list", "-deps", ...PACKAGES], options);
  const total = listed.stdout.trim().split("\n").length;
  let compiled = 0;
  const onLine = (line: string) => {
    compiled++;
    if (compiled % 20 === 1)
      report({ stage: STAGE, message: `compiling ${line}`, fraction: Math.min(0.99, compiled / total) });
  };
  const args = ["build", "-v", "-trimpath", "-ldflags", flags, "-o", `${out}/`, ...PACKAGES];
  await run(go, args, { ...options, onLine });
  // Go names a program after its package, and etcd's is go.etcd.io/etcd/server.
  renameSync(path.join(out, "server"), path.join(out, "etcd"));
  report({ stage: STAGE, message: "done", fraction: 1 });
}

/** Without these the API server says that it is v0.0.0, and clients believe it. */
export function linkerFlags(goMod: string): string {
  const [, version, major, minor] = /\bk8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(goMod) ?? [];
  if (version === undefined) throw new Error("programs/go.mod does not require k8s.io/kubernetes");
  const set = (variable: string, value: string | undefined) => `-X k8s.io/component-base/version.${variable}=${value}`;
  return [
    "-s -w",
    set("gitVersion", version),
    set("gitMajor", major),
    set("gitMinor", minor),
    set("gitTreeState", "clean"),
  ].join(" ");
}
