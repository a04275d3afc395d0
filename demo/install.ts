/** Installs Luthier on a cluster of this machine for the demo and the tests: loads both images and installs the chart. */
import path from "node:path";
import { buildImages, type Images } from "../images/build.ts";
import type { Report } from "../terminal/stages.ts";
import type { Cluster } from "../test/cluster/cluster.ts";
import { repository } from "./places.ts";

export const operatorNamespace = "luthier-system";
export const chart = path.join(repository, "charts/luthier");

/** Builds missing images and loads all of them into the node. */
export async function loadImages(cluster: Cluster, report: Report): Promise<Images> {
  const images = await buildImages({ onProgress: report });
  for (const { name, archive } of [images.operator, images.trainer]) {
    report({ message: `loading ${name}` });
    await cluster.loadImage(archive);
  }
  return images;
}

/** `values`: more of the chart's values. */
export async function installOperator(
  cluster: Cluster,
  images: Images,
  report: Report,
  values: readonly string[] = [],
): Promise<void> {
  await removeHalfInstalled(cluster);
  report({ message: "helm upgrade --install luthier charts/luthier" });
  const { operator, trainer } = images;
  const names = [...imageValues("operator", operator.name), ...imageValues("trainer", trainer.name)];
  // A second replica on the only node is of no use.
  await upgrade(cluster, [...names, "operator.replicas=1", ...values]);
}

/** Installs or upgrades the chart with these values; resolves when the operator is ready. */
export async function upgrade(cluster: Cluster, values: readonly string[], ...more: string[]): Promise<void> {
  await cluster.helm([
    ...["upgrade", "--install", "luthier", chart, "--namespace", operatorNamespace, "--create-namespace"],
    ...["--wait", "--timeout", "3m", ...values.flatMap((value) => ["--set", value]), ...more],
  ]);
}

/** Uninstalls the pending release of an interrupted helm, which blocks every other helm. CRDs and Adapters stay. */
async function removeHalfInstalled(cluster: Cluster): Promise<void> {
  const inNamespace = ["--namespace", operatorNamespace];
  const pending = await cluster.helm(["list", "--pending", "--short", ...inNamespace]);
  if (pending.trim() !== "") await cluster.helm(["uninstall", "luthier", "--wait", ...inNamespace]);
}

/** The chart's values for an image's full name. Pure. */
export function imageValues(which: "operator" | "trainer", name: string): string[] {
  const [, registry = "", repository = "", tag = ""] = /^([^/]+)\/(.+):([^:/]+)$/.exec(name) ?? [];
  return [`registry=${registry}`, `repository=${repository}`, `tag=${tag}`].map((value) => `images.${which}.${value}`);
}
