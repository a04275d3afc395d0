/**
 * Limits where a file system's paths may lead. Anyone who can write to a claim can create links there, so a path must
 * stay below the claim's root even through links; otherwise a row of data could be a Secret of the pod. A link that
 * stays below the root, as in the hub's cache, is an ordinary file. Only regular files are read: a FIFO would block for
 * ever.
 */
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile, readlink, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { invalid } from "../contract/failure.ts";
import { MissingFileError } from "./store.ts";

/** A URI's path, and the directory that it must not leave; undefined: no limit. */
export interface Ground {
  uri: string;
  file: string;
  root: string | undefined;
}

export const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);

export const isAbsent = (error: unknown) => codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";

/** Opens a regular file for reading. Throws `MissingFileError`, or a failure that names what else the path is. */
export async function openFile(ground: Ground): Promise<FileHandle> {
  const { uri, file } = ground;
  try {
    // Checked before opening, because opening a device can have side effects.
    requireFile(uri, await stat(file));
    // A file replaced by a FIFO in between does not block either.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      requireFile(uri, await handle.stat());
      // Checks the opened file, even if the path leads elsewhere by now.
      await requireBelow(ground, await readlink(`/proc/self/fd/${handle.fd}`));
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (isAbsent(error)) throw new MissingFileError(uri);
    throw error;
  }
}

/** Throws when a directory in the path leads outside the root, so that a change there would be outside too. */
export async function requireInside(ground: Ground): Promise<void> {
  if (ground.root === undefined) return;
  for (let at = path.dirname(ground.file); at.length >= ground.root.length; at = path.dirname(at)) {
    const real = await realpath(at).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    if (real !== undefined) return await requireBelow(ground, real);
  }
}

async function requireBelow({ uri, root }: Ground, real: string): Promise<void> {
  if (root === undefined) return;
  const base = await realpath(root);
  if (real === base || real.startsWith(base === "/" ? base : `${base}/`)) return;
  throw invalid(
    "OutsideClaim",
    `${uri}: a link points outside the claim, to ${real}; copy the file into the claim, or link to a file of the same claim`,
  );
}

function requireFile(uri: string, facts: Stats): void {
  if (facts.isFile()) return;
  const fix = facts.isDirectory() ? "name a file in it; an empty directory holds no data" : "name a regular file";
  throw invalid("NotAFile", `${uri}: is ${kindOf(facts)}, not a file; ${fix}`);
}

function kindOf(facts: Stats): string {
  if (facts.isDirectory()) return "a directory";
  if (facts.isFIFO()) return "a named pipe";
  return facts.isSocket() ? "a socket" : "a device";
}

/** Whether a directory is a mount point; no other directory can be renamed to it. */
export async function isMountPoint(directory: string): Promise<boolean> {
  const real = await realpath(directory);
  const mounts = await readFile("/proc/self/mountinfo", "latin1");
  return mounts.split("\n").some((line) => unescaped(line.split(" ")[4] ?? "") === real);
}

/** The kernel escapes white space in octal. */
const unescaped = (field: string) =>
  Buffer.from(
    field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    "latin1",
  ).toString("utf8");
