/** Builds both images with images/Containerfile, from the context that images/context.ts creates on this machine. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Container, dag } from "@dagger.io/dagger";
import { layOutContext, REPOSITORY, type Target } from "../images/context.ts";

export type PublishedImages = Readonly<Record<Target, string>>;

/**
 * Publishes base and images under `prefix` ("registry.example/team") and returns the images' names with their digests. The
 * base is Containerfile.base's on the Debian release `debian`, the one that compiled the addon.
 */
export async function publishImages(prefix: string, tag: string, debian: string): Promise<PublishedImages> {
  const context = mkdtempSync(path.join(tmpdir(), "luthier-context-"));
  try {
    await layOutContext(context);
    const base = await baseImage(debian).publish(`${prefix}/luthier-base:${tag}`);
    const publish = (target: Target) => image(context, base, target).publish(`${prefix}/luthier-${target}:${tag}`);
    const [operator, trainer] = await Promise.all([publish("operator"), publish("trainer")]);
    return { operator, trainer };
  } finally {
    rmSync(context, { recursive: true });
  }
}

const containerfiles = () => dag.host().directory(path.join(REPOSITORY, "images"), { include: ["Containerfile*"] });

function baseImage(debian: string): Container {
  const buildArgs = [{ name: "DEBIAN", value: debian }];
  return containerfiles().dockerBuild({ dockerfile: "Containerfile.base", buildArgs });
}

function image(context: string, base: string, target: Target): Container {
  const withFile = dag.host().directory(context).withFile("Containerfile", containerfiles().file("Containerfile"));
  return withFile.dockerBuild({ dockerfile: "Containerfile", target, buildArgs: [{ name: "BASE", value: base }] });
}
