// The programs of the test cluster, built from pinned Go modules (one folder each under binaries/) into the cache.
// A module's `tool` lines are what is built; the cache key is the module's files, so a change of a version rebuilds.

import { readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cached, recipeDigest } from "../../tools/setup/cache.ts";
import { run } from "../../tools/setup/command.ts";
import { findGo } from "../../tools/setup/go.ts";
import { type OnProgress, withHeartbeat } from "../../tools/setup/progress.ts";

const MODULES = fileURLToPath(new URL("binaries", import.meta.url));

/** Directories of built programs, by module. */
export interface Binaries {
  /** etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl. */
  readonly kubernetes: string;
  /** helm. */
  readonly helm: string;
  /** pause: the process that holds a pod's namespaces. */
  readonly pause: string;
}

export async function buildBinaries(onProgress: OnProgress): Promise<Binaries> {
  // One after the other: each build uses all cores by itself.
  const kubernetes = await buildModule("kubernetes", kubernetesFlags, onProgress);
  const helm = await buildModule("helm", () => "-s -w", onProgress);
  const pause = await buildModule("pause", () => "-s -w", onProgress);
  return { kubernetes, helm, pause };
}

/** Builds what module `name` names; a module without tool lines is itself the program. */
export async function buildModule(
  name: string,
  flags: (goMod: string) => string,
  onProgress: OnProgress,
): Promise<string> {
  const directory = path.join(MODULES, name);
  const goMod = readFileSync(path.join(directory, "go.mod"), "utf8");
  const sources = name === "pause" ? ["go.mod", "main.go"] : ["go.mod", "go.sum"];
  const key = recipeDigest([...sources.map((file) => readFileSync(path.join(directory, file))), flags(goMod)]);
  return cached(name, key, (work) => build(name, directory, work, flags(goMod), onProgress));
}

async function build(name: string, directory: string, out: string, ldflags: string, onProgress: OnProgress): Promise<void> {
  const stage = `build ${name}`;
  const go = await findGo(onProgress);
  await withHeartbeat(onProgress, async (report) => {
    report({ stage, message: "fetching modules" });
    const env = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" };
    const target = name === "pause" ? "." : "tool";
    const packages = (await run(go, ["list", "-deps", target], { cwd: directory, env })).stdout.split("\n").length - 1;
    let compiled = 0;
    const onLine = (line: string) => {
      compiled++;
      if (compiled % 20 === 1) report({ stage, message: line, fraction: Math.min(1, compiled / packages) });
    };
    const args = ["build", "-v", "-trimpath", "-ldflags", ldflags, "-o", `${out}/`, target];
    await run(go, args, { cwd: directory, env, onLine });
    if (name === "kubernetes") renameSync(path.join(out, "server"), path.join(out, "etcd"));
    report({ stage, message: "done", fraction: 1 });
  });
}

/** Without these the API server says that it is v0.0.0, and clients believe it. */
export function kubernetesFlags(goMod: string): string {
  const [, version, major, minor] = /\bk8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(goMod) ?? [];
  if (version === undefined) throw new Error("binaries/kubernetes/go.mod does not require k8s.io/kubernetes");
  const set = (variable: string, value: string | undefined) => `-X k8s.io/component-base/version.${variable}=${value}`;
  return ["-s -w", set("gitVersion", version), set("gitMajor", major), set("gitMinor", minor), set("gitTreeState", "clean")].join(" ");
}
