/** Errors of stores, formats and the engine as the failures that the exit codes know; what is not known stays a crash. */
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, messageOf, StageFailure, stopped } from "../contract/failure.ts";
import { Cancelled } from "../engine/engine.ts";
import { SafetensorsError } from "../formats/safetensors.ts";
import { MissingFileError } from "../stores/store.ts";

/** A file system that cannot be used now, and perhaps can later. */
const unreachable = new Set(["EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "ESTALE", "ENOTCONN", "EHOSTDOWN"]);

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
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof StageFailure || !unreachable.has(code)) return error;
  const reason = code === "ENOSPC" || code === "EDQUOT" ? "StoreFull" : "StoreUnreachable";
  const wayOut = reason === "StoreFull" ? ". Make room on the store's volume, or make it larger." : "";
  return new StageFailure(exitCode.storeUnreachable, reason, messageOf(error) + wayOut, { cause: error });
}
