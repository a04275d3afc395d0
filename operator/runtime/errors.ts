/**
 * Errors of the runtime. The operator retries every error by default, except `TerminalError`: a retry cannot help.
 */
import { isRecord } from "./objects.ts";

/** The API server answered with an error. */
export class ApiError extends Error {
  readonly status: number;
  /** The machine-readable reason of the Status object ("AlreadyExists"); empty when there was none. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A retry cannot help until the object changes. */
export class TerminalError extends Error {}

/** The decision's object has changed since; the newer one will arrive soon. */
export class StaleError extends Error {}

/** Leadership is lost or the process is ending: this process must no longer write. */
export class WritesStoppedError extends Error {
  constructor() {
    super("writes are stopped: this process is no longer the leader");
  }
}

export const isNotFound = (error: unknown) => error instanceof ApiError && error.status === 404;
export const isAlreadyExists = (error: unknown) => error instanceof ApiError && error.reason === "AlreadyExists";
/** The written object was old. */
export const isConflict = (error: unknown) =>
  error instanceof StaleError ||
  (error instanceof ApiError && error.status === 409 && error.reason !== "AlreadyExists");
export const isGone = (error: unknown) => error instanceof ApiError && error.status === 410;
/** The namespace is being deleted, so no object can be created in it. */
export const isNamespaceTerminating = (error: unknown) =>
  error instanceof ApiError && error.status === 403 && error.message.includes("because it is being terminated");

/** Parses a failed response: a Status object, or the text of a proxy. */
export function apiError(status: number, body: string, retryAfter?: string): ApiError {
  const seconds = Number(retryAfter);
  const retryAfterMs = retryAfter !== undefined && Number.isFinite(seconds) ? seconds * 1000 : undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    if (isRecord(parsed) && parsed.kind === "Status") {
      return new ApiError(status, String(parsed.reason ?? ""), String(parsed.message ?? body), retryAfterMs);
    }
  } catch {
    // Not JSON: the text itself is the message.
  }
  return new ApiError(status, "", `${status}: ${body.slice(0, 500)}`, retryAfterMs);
}
