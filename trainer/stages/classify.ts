/** Maps errors of stores, formats and the engine to failures with exit codes; any other error is a crash. */
import { exitCode } from "../contract/exitCodes.ts";
import { Cancelled, corrupt, messageOf, StageFailure, stopped } from "../contract/failure.ts";
import { SafetensorsError } from "../formats/safetensors.ts";
import { MissingFileError } from "../stores/store.ts";

/** Errors of a file system that may be temporary. */
const unreachable = new Set(["EIO", "ENOSPC", "EDQUOT", "ESTALE", "ENOTCONN", "EHOSTDOWN"]);

/** Errors that last until a person fixes them: the reason, and the fix. */
const lasting: ReadonlyMap<string, readonly [reason: string, fix: string]> = new Map([
  ["EROFS", ["StoreReadOnly", "The file system is read-only: mount it for writing, or use another location."]],
  ["EACCES", ["AccessDenied", accessWayOut()]],
  ["EPERM", ["AccessDenied", accessWayOut()]],
  [
    "ENAMETOOLONG",
    ["PathTooLong", "The path, or a name in it, is longer than the file system allows: use a shorter one."],
  ],
  ["ELOOP", ["PathInvalid", "The symbolic links of the path form a loop: fix the links."]],
  ["ENOTDIR", ["PathInvalid", "A part of the path is a file where a directory is needed: use another path."]],
  ["EEXIST", ["PathInvalid", "A part of the path is a file where a directory is needed: use another path."]],
  ["EISDIR", ["PathInvalid", "The path is a directory where a file is needed: use another path."]],
  ["EXDEV", ["PathInvalid", "Another file system is mounted within the store: a store must be one file system."]],
]);

function accessWayOut(): string {
  const user = process.getuid?.() ?? 0;
  return `Grant access to the process's user (uid ${user}), or use another location.`;
}

/** Runs a stage's work and classifies its errors. */
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
  const fix = isFull ? ". Free space on the store's volume, or enlarge it." : "";
  const reason = isFull ? "StoreFull" : "StoreUnreachable";
  return new StageFailure(exitCode.storeUnreachable, reason, messageOf(error) + fix, { cause: error });
}
