/** Errors of stores, formats and the engine as the failures that the exit codes know; what is not known stays a crash. */
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, messageOf, StageFailure, stopped } from "../contract/failure.ts";
import { Cancelled } from "../engine/engine.ts";
import { SafetensorsError } from "../formats/safetensors.ts";
import { MissingFileError } from "../stores/store.ts";

/** A file system that cannot be used now, and perhaps can later. */
const unreachable = new Set(["EIO", "ENOSPC", "EDQUOT", "ESTALE", "ENOTCONN", "EHOSTDOWN"]);

/** What stays as it is until somebody changes it: the reason, and the way out. */
const lasting: ReadonlyMap<string, readonly [reason: string, wayOut: string]> = new Map([
  ["EROFS", ["StoreReadOnly", "The file system is read-only: mount it for writing, or name another place."]],
  ["EACCES", ["AccessDenied", accessWayOut()]],
  ["EPERM", ["AccessDenied", accessWayOut()]],
  ["ENAMETOOLONG", ["PathTooLong", "A name of the path, or all of it, is longer than the file system takes."]],
  ["ELOOP", ["PathInvalid", "The links of the path lead in a circle."]],
  ["ENOTDIR", ["PathInvalid", "A part of the path is a file where a directory is needed."]],
  ["EEXIST", ["PathInvalid", "A part of the path is a file where a directory is needed."]],
  ["EISDIR", ["PathInvalid", "A directory is where a file is needed."]],
  ["EXDEV", ["PathInvalid", "Something is mounted within the store: a store has to be one file system."]],
]);

function accessWayOut(): string {
  const user = process.getuid?.() ?? 0;
  return `Give the user that this runs as (uid ${user}) the right to it, or name another place.`;
}

/** Does a stage's work; what it throws is classified. */
export async function classified<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw classify(error);
  }
}

function classify(error: unknown): unknown {
  if (error instanceof Cancelled) return stopped("stopped on request");
  if (error instanceof MissingFileError) return corrupt("FileMissing", error.message);
  if (error instanceof SafetensorsError) return corrupt("SafetensorsInvalid", error.message);
  if (error instanceof StageFailure) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const [lastingReason, change] = lasting.get(code) ?? [];
  if (lastingReason !== undefined)
    return new StageFailure(exitCode.invalid, lastingReason, `${messageOf(error)}. ${change}`, { cause: error });
  if (!unreachable.has(code)) return error;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  const wayOut = isFull ? ". Make room on the store's volume, or make it larger." : "";
  const reason = isFull ? "StoreFull" : "StoreUnreachable";
  return new StageFailure(exitCode.storeUnreachable, reason, messageOf(error) + wayOut, { cause: error });
}
