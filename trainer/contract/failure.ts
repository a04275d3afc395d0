/**
 * How a stage fails: with the exit code that decides about retries, a reason for a condition, and a message that says
 * what is wrong and the way out. Any other error is a crash of ours.
 */
import { type ExitCode, exitCode } from "./exitCodes.ts";

export class StageFailure extends Error {
  readonly code: ExitCode;
  /** CamelCase, for a condition's reason. */
  readonly reason: string;

  constructor(code: ExitCode, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StageFailure";
    this.code = code;
    this.reason = reason;
  }
}

/** Configuration or data are wrong; retrying cannot help. */
export const invalid = (reason: string, message: string) => new StageFailure(exitCode.invalid, reason, message);

/** An input is missing, cut or altered. */
export const corrupt = (reason: string, message: string) => new StageFailure(exitCode.inputCorrupt, reason, message);

export const diverged = (reason: string, message: string) => new StageFailure(exitCode.diverged, reason, message);

export const superseded = (message: string) => new StageFailure(exitCode.superseded, "Superseded", message);

/** Stopped on request; what was done so far is durable. */
export const stopped = (message: string) => new StageFailure(exitCode.stopped, "Stopped", message);

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
