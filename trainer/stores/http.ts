/**
 * HTTP to a store: a single exchange, and retries around it. A temporary fault (a broken connection, silence, 408, 429,
 * 5xx) is a `Transient` and is retried with growing pauses until a time limit; the caller handles all others. Redirects
 * are not followed here, because the caller decides which headers a redirected request may carry.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { fetch, type Response } from "undici";
import { exitCode } from "../contract/exitCodes.ts";
import { invalid, messageOf, StageFailure, stopped } from "../contract/failure.ts";
import { connectionsTo } from "./connections.ts";

export interface Patience {
  /** How long a step without progress is retried, in milliseconds. */
  totalMs: number;
  firstPauseMs: number;
  longestPauseMs: number;
  /** The longest silence within an exchange. */
  silenceMs: number;
  /** Receives a line about a retry and its reason: immediately, then at intervals. */
  onRetry?: ((line: string) => void) | undefined;
  /** Stops all retries. */
  signal?: AbortSignal | undefined;
}

/** A rotated Secret takes one or two minutes to reach a pod. */
export const usualPatience: Patience = {
  totalMs: 180_000,
  firstPauseMs: 250,
  longestPauseMs: 15_000,
  silenceMs: 60_000,
};

/** Interval between two lines about the same fault, in milliseconds. */
const reportEveryMs = 15_000;

/** A temporary fault, worth a retry. */
export class Transient extends Error {
  /** The pause that the server requested. */
  readonly pauseMs: number | undefined;

  constructor(message: string, options: ErrorOptions & { pauseMs?: number | undefined } = {}) {
    super(message, options);
    this.pauseMs = options.pauseMs;
  }
}

/** Counts the failures since the last progress, and pauses before each retry. */
export class Retries {
  readonly #uri: string;
  readonly #patience: Patience;
  #failures = 0;
  #since = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(uri: string, patience: Patience) {
    this.#uri = uri;
    this.#patience = patience;
  }

  /** Records progress: the time limit starts again. */
  moved(): void {
    this.#failures = 0;
  }

  /**
   * Returns when the retry is due. Rethrows errors that are not transient, and throws a failure after the time limit.
   */
  async after(error: unknown): Promise<void> {
    if (!(error instanceof Transient)) throw error;
    if (this.#failures++ === 0) this.#since = Date.now();
    const { firstPauseMs, longestPauseMs, totalMs } = this.#patience;
    const usual = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2);
    const pause = Math.max(usual, Math.min(error.pauseMs ?? 0, longestPauseMs));
    const spent = Date.now() - this.#since;
    if (spent + pause > totalMs) throw unreachable(this.#uri, error, this.#failures, spent);
    const { signal } = this.#patience;
    this.#report(error, totalMs - spent);
    await sleep(pause, undefined, { signal }).catch(() => {});
    if (signal?.aborted) throw stopped("stopped on request");
  }

  #report(error: Error, leftMs: number): void {
    if (Date.now() - this.#reportedAt < reportEveryMs) return;
    this.#reportedAt = Date.now();
    this.#patience.onRetry?.(`${this.#uri}: ${error.message}; retrying for up to ${Math.ceil(leftMs / 1000)} s`);
  }
}

const unreachable = (uri: string, error: Error, failures: number, spentMs: number) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "StoreUnreachable",
    `${uri}: ${error.message} (tried ${failures} times in ${Math.ceil(spentMs / 1000)} s)`,
    { cause: error },
  );

/** Runs `work` until it succeeds, throws an error that is not transient, or the time limit passes. */
export async function patiently<T>(uri: string, patience: Patience, work: () => Promise<T>): Promise<T> {
  const retries = new Retries(uri, patience);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await retries.after(error);
    }
  }
}

export interface HttpRequest {
  url: URL | string;
  /** Default: GET. */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array<ArrayBuffer>;
}

export interface Answer {
  status: number;
  headers: { get(name: string): string | null };
  /** Throws `Transient` if the connection breaks. Can be read once. */
  body(): AsyncIterable<Uint8Array>;
  /** Releases the connection without reading. */
  discard(): Promise<void>;
}

const transientStatus = (status: number) => status === 408 || status === 429 || status >= 500;

/** Sends a request and waits for the response headers. Throws `Transient`. */
export async function exchange({ url, ...request }: HttpRequest, { silenceMs }: Patience): Promise<Answer> {
  const { dispatcher, proxy } = connectionsTo(String(url));
  const controller = new AbortController();
  const waited = watch(controller, silenceMs);
  let response: Response;
  try {
    response = await fetch(url, { ...request, redirect: "manual", signal: controller.signal, dispatcher });
  } catch (error) {
    const from = `${new URL(url).host}${proxy === undefined ? "" : ` through the proxy ${proxy}`}`;
    if (isUntrusted(error)) throw untrusted(from, error);
    throw new Transient(`no answer from ${from}: ${causeOf(error)}`, { cause: error });
  } finally {
    waited.end();
  }
  const { status, headers } = response;
  const answer = {
    status,
    headers,
    body: () => chunksOf(response, controller, silenceMs),
    discard: async () => controller.abort(),
  };
  if (!transientStatus(status)) return answer;
  const words = await textOf(answer).catch(() => "");
  throw new Transient(`answered ${status} ${shortened(words)}`.trim(), { pauseMs: retryAfterMs(headers) });
}

/** Aborts the exchange when the server is silent. */
function watch(controller: AbortController, silenceMs: number): { end(): void } {
  const seconds = silenceMs / 1000;
  const timer = setTimeout(() => controller.abort(new Error(`silent for ${seconds} s`)), silenceMs);
  return { end: () => clearTimeout(timer) };
}

async function* chunksOf(
  response: Response,
  controller: AbortController,
  silenceMs: number,
): AsyncIterable<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      // Only the server's silence counts, not the reader's time.
      const waited = watch(controller, silenceMs);
      const { done, value } = await reader.read().finally(waited.end);
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw new Transient(`the response was interrupted: ${causeOf(error)}`, { cause: error });
  } finally {
    controller.abort();
  }
}

/** Certificate errors that a retry cannot fix, by OpenSSL's and Node's codes. */
const untrustedCodes = /^(UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|CERT_|ERR_TLS_CERT_)/;

function isUntrusted(error: unknown): boolean {
  const root = rootOf(error);
  return root instanceof Error && "code" in root && untrustedCodes.test(String(root.code));
}

const untrusted = (from: string, error: unknown) =>
  invalid(
    "CertificateUntrusted",
    `the certificate of ${from} is not trusted (${causeOf(error)}); set SSL_CERT_FILE or NODE_EXTRA_CA_CERTS to the file of its authority's certificate (pods: trainer.caCertificates of the chart)`,
  );

/** fetch throws "fetch failed" or "cancelled" with the reason in its cause or in the cause of that. */
const rootOf = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;

function causeOf(error: unknown): string {
  const root = rootOf(error);
  const message = root instanceof Error && "code" in root && !root.message ? String(root.code) : messageOf(root);
  const refused = /^Proxy response \((\d+)\)/.exec(message);
  return refused ? `the proxy answered ${refused[1]}` : message;
}

function retryAfterMs(headers: Headers): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** Bounds the size of responses other than file contents. */
const longestText = 64 * 1024 * 1024;

export async function bytesOf(answer: Answer): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > longestText)
      throw new StageFailure(exitCode.storeUnreachable, "StoreUnreachable", "the response is too long");
  }
  return Buffer.concat(chunks);
}

export const textOf = async (answer: Answer) => Buffer.from(await bytesOf(answer)).toString("utf8");

/** A server's text as one line for a message. */
export const shortened = (words: string) => words.replaceAll(/\s+/g, " ").trim().slice(0, 200);
