// The programs of the test cluster, built from pinned Go modules: Kubernetes' (programs/), and kwok (kwok/) only for the load
// test.

import { readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cacheRoot } from "../../tools/setup/cache.ts";
import { goCaches } from "../../tools/setup/go.ts";
import { buildGoPrograms, hasGoPrograms } from "../../tools/setup/goPrograms.ts";
import type { OnProgress } from "../../tools/setup/progress.ts";
import type { SpaceNeed } from "../../tools/setup/space.ts";

const GIB = 2 ** 30;
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Directory with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl, helm and
 * pause. The first build takes minutes: six on two free cores.
 */
export function buildPrograms(onProgress: OnProgress, signal?: AbortSignal): Promise<string> {
  // Go names a program after its package, and etcd's is go.etcd.io/etcd/server.
  const finish = (built: string) => renameSync(path.join(built, "server"), path.join(built, "etcd"));
  return buildGoPrograms(kubernetes(), onProgress, { finish, signal });
}

/** About how much building them will write; nothing if they are built. */
export function programNeeds(): SpaceNeed[] {
  const module = kubernetes();
  if (hasGoPrograms(module)) return [];
  const { modules, compiled } = goCaches();
  return [
    { what: "Go modules of Kubernetes, etcd and Helm", directory: modules, bytes: 1.1 * GIB },
    { what: "Go's build cache", directory: compiled, bytes: 3.3 * GIB },
    { what: "the cluster's programs", directory: path.join(cacheRoot(), module.kind), bytes: 0.6 * GIB },
  ];
}

function kubernetes() {
  const directory = beside("programs");
  return {
    kind: "cluster-programs",
    directory,
    packages: ["tool", "./pause"],
    sources: ["pause/main.go"],
    linkerFlags: linkerFlags(readFileSync(path.join(directory, "go.mod"), "utf8")),
  };
}

/** Path of kwok, which simulates nodes and their pods. */
export async function buildKwok(onProgress: OnProgress): Promise<string> {
  return path.join(await buildGoPrograms({ kind: "kwok", directory: beside("kwok") }, onProgress), "kwok");
}

/** Without these the API server reports version v0.0.0 to clients. */
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
