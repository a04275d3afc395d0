/**
 * Preloaded into a program (`node --import`). It kills the process by SIGKILL right before its n-th change of the file
 * system, counted from 0; n is LUTHIER_KILL_AT.
 */
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const killAt = Number(process.env.LUTHIER_KILL_AT ?? Number.NaN);
let operations = 0;

function count(): void {
  if (operations === killAt) process.kill(process.pid, "SIGKILL");
  operations += 1;
}

/** Wraps a method so that its calls are counted first. */
function counted<Name extends string, Owner extends Record<Name, (...given: never[]) => unknown>>(
  owner: Owner,
  name: Name,
  changes: (...given: unknown[]) => boolean = () => true,
): void {
  const original = owner[name];
  const wrapped = function (this: unknown, ...given: never[]): unknown {
    if (changes(...given)) count();
    return original.apply(this, given);
  };
  Object.defineProperty(owner, name, { value: wrapped, configurable: true, writable: true });
}

const here = await fs.open(import.meta.filename, "r");
const handles: FileHandle = Object.getPrototypeOf(here);
await here.close();
for (const name of ["write", "writeFile", "sync"] as const) counted(handles, name);
for (const name of ["mkdir", "rename", "rm"] as const) counted(fs, name);
counted(fs, "open", (_path, flags) => flags !== "r");
syncBuiltinESMExports();
