/**
 * A stage's failure: the exit code decides about retries, the reason goes into a condition, and the message says what
 * is wrong and how to fix it. Any other error is a bug in Luthier.
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

/** The configuration or the data are invalid; a retry cannot help. */
export const invalid = (reason: string, message: string) => new StageFailure(exitCode.invalid, reason, message);

/** An input is missing, truncated or changed. */
export const corrupt = (reason: string, message: string) => new StageFailure(exitCode.inputCorrupt, reason, message);

export const diverged = (reason: string, message: string) => new StageFailure(exitCode.diverged, reason, message);

export const superseded = (message: string) => new StageFailure(exitCode.superseded, "Superseded", message);

/** Stopped on request; the work so far is durable. */
export const stopped = (message: string) => new StageFailure(exitCode.stopped, "Stopped", message);

/** A program was cancelled by its signal. Its outputs are invalid. */
export class Cancelled extends Error {}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
