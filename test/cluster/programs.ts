// The programs of the test cluster, built from pinned Go modules: Kubernetes' (programs/), and kwok (kwok/) for the load test
// alone.

import { readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildGoPrograms } from "../../tools/setup/goPrograms.ts";
import type { OnProgress } from "../../tools/setup/progress.ts";

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Directory with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl, helm and
 * pause. The first build takes minutes: six on two free cores.
 */
export function buildPrograms(onProgress: OnProgress): Promise<string> {
  const directory = beside("programs");
  const module = {
    kind: "cluster-programs",
    directory,
    packages: ["tool", "./pause"],
    sources: ["pause/main.go"],
    linkerFlags: linkerFlags(readFileSync(path.join(directory, "go.mod"), "utf8")),
  };
  // Go names a program after its package, and etcd's is go.etcd.io/etcd/server.
  return buildGoPrograms(module, onProgress, (built) =>
    renameSync(path.join(built, "server"), path.join(built, "etcd")),
  );
}

/** Path of kwok, which plays nodes and their pods. */
export async function buildKwok(onProgress: OnProgress): Promise<string> {
  return path.join(await buildGoPrograms({ kind: "kwok", directory: beside("kwok") }, onProgress), "kwok");
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
