// Builds the operator's and the trainer's image and keeps them as archives in the cache, under a tag that says what is
// in them; nothing is built where the archives are there already. Needs root and the packages of the "images" purpose.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cached, pruneCache } from "../tools/setup/cache.ts";
import { type OnProgress, withHeartbeat } from "../tools/setup/progress.ts";
import { baseArchive } from "./base.ts";
import { buildah } from "./buildah.ts";
import { contentTag, layOutContext, TARGETS, type Target } from "./context.ts";

const CONTAINERFILE = fileURLToPath(new URL("Containerfile", import.meta.url));
const STAGE = "build images";
/** Every change of a source makes a pair of 290 MB; a few for other checkouts and for going back. */
const ARCHIVES_KEPT = 3;

export interface Image {
  /** The name pods use: localhost/luthier-operator:0123456789abcdef. */
  readonly name: string;
  /** Path of a docker archive that holds it, for Cluster.loadImage, `docker load` or `skopeo copy`. */
  readonly archive: string;
}

export type Images = Readonly<Record<Target, Image>>;

export interface BuildOptions {
  readonly onProgress?: OnProgress;
  /** A base image by name, fetched from its registry; absent: one made from this machine's distribution. */
  readonly base?: string;
}

/** Both images; throws when the native addon is not built or a tool is missing. */
export function buildImages({ onProgress = () => {}, base }: BuildOptions = {}): Promise<Images> {
  return withHeartbeat(onProgress, async (report) => {
    const archive = base === undefined ? await baseArchive(report) : undefined;
    const tag = contentTag(base ?? path.basename(path.dirname(archive ?? "")));
    const entry = await cached("images", tag, (work) => build(work, tag, archive, base, report));
    pruneCache("images", ARCHIVES_KEPT);
    const image = (target: Target): Image => ({
      name: nameOf(target, tag),
      archive: path.join(entry, `${target}.tar`),
    });
    return { operator: image("operator"), trainer: image("trainer") };
  });
}

function nameOf(target: Target, tag: string): string {
  return `localhost/luthier-${target}:${tag}`;
}

async function build(
  work: string,
  tag: string,
  archive: string | undefined,
  base: string | undefined,
  report: OnProgress,
): Promise<void> {
  const context = path.join(work, "context");
  mkdirSync(context);
  report({ stage: STAGE, message: "laying out Node, packages, sources and addon", fraction: 0 });
  await layOutContext(context);
  const from = archive === undefined ? ["--pull=missing"] : ["--pull=never"];
  const baseName = base ?? (await importBase(archive ?? ""));
  for (const [index, target] of TARGETS.entries()) {
    report({ stage: STAGE, message: target, fraction: (index + 1) / (TARGETS.length + 1) });
    const name = nameOf(target, tag);
    await buildah([
      "build",
      ...from,
      "--layers",
      "--build-arg",
      `BASE=${baseName}`,
      "--target",
      target,
      "--file",
      CONTAINERFILE,
      "--tag",
      name,
      context,
    ]);
    await buildah(["push", name, `docker-archive:${path.join(work, `${target}.tar`)}:${name}`]);
  }
  // The archives are what is kept; layers of earlier sources would only pile up.
  await buildah(["rmi", "--all", "--force"]);
  rmSync(context, { recursive: true });
}

/** The base archive as an image of buildah's; its name. */
async function importBase(archive: string): Promise<string> {
  const name = `localhost/luthier-base:${path.basename(path.dirname(archive))}`;
  const context = path.dirname(archive);
  const file = path.join(context, "Containerfile");
  writeFileSync(file, `FROM scratch\nADD ${path.basename(archive)} /\n`);
  await buildah(["build", "--file", file, "--tag", name, context]);
  return name;
}
