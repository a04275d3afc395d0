/** Luthier on a cluster of this machine, as the demo and the tests have it: both images loaded, the chart installed. */
import path from "node:path";
import { buildImages, type Images } from "../images/build.ts";
import type { Report } from "../terminal/stages.ts";
import type { Cluster } from "../test/cluster/cluster.ts";
import { repository } from "./places.ts";

export const operatorNamespace = "luthier-system";
export const chart = path.join(repository, "charts/luthier");

/** Builds the images that are not built, and gives them to the node. */
export async function loadImages(cluster: Cluster, report: Report): Promise<Images> {
  const images = await buildImages({ onProgress: report });
  for (const { name, archive } of [images.operator, images.trainer]) {
    report({ message: `loading ${name}` });
    await cluster.loadImage(archive);
  }
  return images;
}

export async function installOperator(cluster: Cluster, images: Images, report: Report): Promise<void> {
  await removeHalfInstalled(cluster);
  report({ message: "helm upgrade --install luthier charts/luthier" });
  const { operator, trainer } = images;
  await upgrade(cluster, [...imageValues("operator", operator.name), ...imageValues("trainer", trainer.name)]);
}

/** Installs the chart with these values, or changes those of an installed one; resolves when the operator is ready. */
export async function upgrade(cluster: Cluster, values: readonly string[], ...more: string[]): Promise<void> {
  await cluster.helm([
    ...["upgrade", "--install", "luthier", chart, "--namespace", operatorNamespace, "--create-namespace"],
    ...["--wait", "--timeout", "3m", ...values.flatMap((value) => ["--set", value]), ...more],
  ]);
}

/** A helm that was interrupted leaves a release that no other helm touches. Definitions and Adapters stay. */
async function removeHalfInstalled(cluster: Cluster): Promise<void> {
  const inNamespace = ["--namespace", operatorNamespace];
  const pending = await cluster.helm(["list", "--pending", "--short", ...inNamespace]);
  if (pending.trim() !== "") await cluster.helm(["uninstall", "luthier", "--wait", ...inNamespace]);
}

/** The chart's values for an image by its whole name. Pure. */
export function imageValues(which: "operator" | "trainer", name: string): string[] {
  const [, registry = "", repository = "", tag = ""] = /^([^/]+)\/(.+):([^:/]+)$/.exec(name) ?? [];
  return [`registry=${registry}`, `repository=${repository}`, `tag=${tag}`].map((value) => `images.${which}.${value}`);
}
