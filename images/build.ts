// Builds the operator's and the trainer's image and keeps them as archives in the cache, tagged by a digest of their
// content; skips the build if the archives exist. Needs root and the packages of the "images" purpose.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cached, cacheRoot, pruneCache } from "../tools/setup/cache.ts";
import { type OnProgress, withHeartbeat } from "../tools/setup/progress.ts";
import type { SpaceNeed } from "../tools/setup/space.ts";
import { nativeIsBuilt } from "../trainer/native/build.ts";
import { baseArchive, baseKey } from "./base.ts";
import { type Buildah, buildahIn } from "./buildah.ts";
import { contentTag, layOutContext, TARGETS, type Target } from "./context.ts";

const CONTAINERFILE = fileURLToPath(new URL("Containerfile", import.meta.url));
/** As in the Containerfile. */
const BASE_NAME = "localhost/luthier-base";
const STAGE = "build images";
const KIND = "images";
/** Both archives, and during the build buildah's layers and their inputs. */
const IMAGES_BYTES = 2 ** 30;
/** Every source change makes a pair of 290 MB; keep a few for other checkouts and for reverts. */
const ARCHIVES_KEPT = 3;

export interface Image {
  /** The name in pods: localhost/luthier-operator:0123456789abcdef. */
  readonly name: string;
  /** Path of a docker archive that holds it, for Cluster.loadImage, `docker load` or `skopeo copy`. */
  readonly archive: string;
}

export type Images = Readonly<Record<Target, Image>>;

export interface BuildOptions {
  readonly onProgress?: OnProgress;
  /** The name of a base image in a registry; if missing, the base is made from this machine's distribution. */
  readonly base?: string;
}

/** Builds both images; throws if the native addon is not built or a tool is missing. */
export function buildImages({ onProgress = () => {}, base }: BuildOptions = {}): Promise<Images> {
  return withHeartbeat(onProgress, async (report) => {
    if (process.getuid?.() !== 0)
      throw new Error("building images needs root: sudo -E (it keeps proxies and certificates)");
    // Named like an unfinished entry, so that the same clean-up removes it after a crash.
    const storage = path.join(cacheRoot(), KIND, `storage.making-${process.pid}`);
    try {
      const buildah = buildahIn(storage);
      const from = base === undefined ? await baseArchive(report) : await pull(buildah, base, report);
      const tag = contentTag(base === undefined ? baseKey() : from);
      const entry = await cached(KIND, tag, (work) => build(buildah, work, tag, from, report));
      pruneCache(KIND, ARCHIVES_KEPT);
      return { operator: imageIn(entry, "operator", tag), trainer: imageIn(entry, "trainer", tag) };
    } finally {
      rmSync(storage, { recursive: true, force: true });
    }
  });
}

/** About how much a build on the default base will write; nothing if the images exist. */
export function imageNeeds(): SpaceNeed[] {
  const directory = path.join(cacheRoot(), KIND);
  // The tag depends on the addon.
  if (nativeIsBuilt() && existsSync(path.join(directory, contentTag(baseKey())))) return [];
  return [{ what: "images of operator and trainer", directory, bytes: IMAGES_BYTES }];
}

function imageIn(entry: string, target: Target, tag: string): Image {
  return { name: nameOf(target, tag), archive: path.join(entry, `${target}.tar`) };
}

/** The id of the name's current image; the name may refer to another image later. */
async function pull(buildah: Buildah, name: string, report: OnProgress): Promise<string> {
  report({ stage: STAGE, message: `fetching ${name}` });
  return (await buildah("pull", name)).trim().split("\n").at(-1) ?? "";
}

function nameOf(target: Target, tag: string): string {
  return `localhost/luthier-${target}:${tag}`;
}

/** Fills `work` with an archive for each target. `base`: the id of an image, or the path of base.ts's archive. */
async function build(buildah: Buildah, work: string, tag: string, base: string, report: OnProgress): Promise<void> {
  const context = path.join(work, "context");
  mkdirSync(context);
  report({ stage: STAGE, message: "copying Node, packages, sources and addon", fraction: 0 });
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
    await buildah("build", "--pull=never", ...options, context);
    await buildah("push", name, `docker-archive:${path.join(work, `${target}.tar`)}:${name}`);
  }
  rmSync(context, { recursive: true });
}

/** Imports the base archive into buildah and returns the image's name. */
async function importBase(buildah: Buildah, archive: string): Promise<string> {
  const directory = path.dirname(archive);
  const file = path.join(directory, "Containerfile");
  writeFileSync(file, `FROM scratch\nADD ${path.basename(archive)} /\n`);
  await buildah("build", "--file", file, "--tag", BASE_NAME, directory);
  return BASE_NAME;
}
