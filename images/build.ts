// Builds the operator's and the trainer's image and keeps them as archives in the cache, under a tag that says what is
// in them; nothing is built where the archives are there already. Needs root and the packages of the "images" purpose.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cached, pruneCache } from "../tools/setup/cache.ts";
import { type OnProgress, withHeartbeat } from "../tools/setup/progress.ts";
import { baseArchive } from "./base.ts";
import { type Buildah, buildahIn } from "./buildah.ts";
import { contentTag, layOutContext, TARGETS, type Target } from "./context.ts";

const CONTAINERFILE = fileURLToPath(new URL("Containerfile", import.meta.url));
/** As in the Containerfile. */
const BASE_NAME = "localhost/luthier-base";
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
    const standOn = base ?? (await baseArchive(report));
    const tag = contentTag(base ?? path.basename(path.dirname(standOn)));
    const entry = await cached("images", tag, (work) => build(work, tag, standOn, report));
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

/** Fills `work` with an archive for each target. `base`: the name of an image, or the path of base.ts's archive. */
async function build(work: string, tag: string, base: string, report: OnProgress): Promise<void> {
  const context = path.join(work, "context");
  const storage = path.join(work, "storage");
  const buildah = buildahIn(storage);
  mkdirSync(context);
  report({ stage: STAGE, message: "laying out Node, packages, sources and addon", fraction: 0 });
  await layOutContext(context);
  const from = path.isAbsolute(base) ? await importBase(buildah, base) : base;
  for (const [index, target] of TARGETS.entries()) {
    report({ stage: STAGE, message: target, fraction: (index + 1) / (TARGETS.length + 1) });
    const name = nameOf(target, tag);
    const options = [
      "--layers",
      "--build-arg",
      `BASE=${from}`,
      "--target",
      target,
      "--file",
      CONTAINERFILE,
      "--tag",
      name,
    ];
    await buildah("build", "--pull=missing", ...options, context);
    await buildah("push", name, `docker-archive:${path.join(work, `${target}.tar`)}:${name}`);
  }
  for (const directory of [context, storage]) rmSync(directory, { recursive: true });
}

/** The base archive as an image of buildah's; its name. */
async function importBase(buildah: Buildah, archive: string): Promise<string> {
  const directory = path.dirname(archive);
  const file = path.join(directory, "Containerfile");
  writeFileSync(file, `FROM scratch\nADD ${path.basename(archive)} /\n`);
  await buildah("build", "--file", file, "--tag", BASE_NAME, directory);
  return BASE_NAME;
}
