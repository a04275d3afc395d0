/**
 * HTTP to the API server: kubeconfig and authentication come from @kubernetes/client-node, all connections share one pool,
 * and the rate is bounded. The transport retries 429 and 503 for every verb (the server did nothing), with the server's
 * Retry-After and jitter; it retries other 5xx and lost connections only for reads, because a write may have happened.
 * It checks whether this process may still write right before it sends each write.
 */
import type { RequestOptions } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { Agent, type Dispatcher, ProxyAgent, request as send } from "undici";
import { ApiError, apiError, WritesStoppedError } from "./errors.ts";
import { TokenBucket } from "./tokenBucket.ts";

export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal | undefined;
  /** A shorter limit than the transport's default. */
  requestTimeoutMs?: number;
  maxAttempts?: number;
}

export interface TransportOptions {
  userAgent: string;
  /** Longest time of one attempt. Default 30 s. */
  requestTimeoutMs?: number;
  /** Attempts at one call, the first included. Default 6. */
  maxAttempts?: number;
  onResponse?: (method: string, code: number) => void;
}

/** Sustained rate; a watch counts once. */
const requestsPerSecond = 50;
/** Burst above the rate. */
const requestBurst = 100;
const usualTimeoutMs = 30_000;
const usualAttempts = 6;
const credentialsAgeMs = 60_000;
/** If the server's Retry-After is longer than this, the transport gives up, and the work queue backs off. */
const longestRetryAfterMs = 30_000;

interface Credentials {
  readAt: number;
  authorization: string | undefined;
  tls: string;
}

export class Transport {
  readonly #config: KubeConfig;
  readonly #server: URL;
  readonly #options: TransportOptions;
  readonly #bucket: TokenBucket;
  #credentials: Credentials | undefined;
  #dispatcher: Dispatcher | undefined;
  #mayWrite = () => true;
  #closed = false;

  constructor(config: KubeConfig, options: TransportOptions) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error("the kubeconfig's current context names no cluster");
    this.#config = config;
    this.#server = new URL(cluster.server.endsWith("/") ? cluster.server : `${cluster.server}/`);
    this.#options = options;
    this.#bucket = new TokenBucket(requestsPerSecond, requestBurst);
  }

  /** From now on the transport sends a write only if `holds()` is true at that moment. */
  writeOnlyWhile(holds: () => boolean): void {
    this.#mayWrite = holds;
  }

  /** From now on only reads pass; a leader that lost the Lease must call this at once. */
  stopWrites(): void {
    this.#mayWrite = () => false;
  }

  async json(call: Call): Promise<unknown> {
    const text = await this.text(call);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** Throws `ApiError` for an answer that is not 2xx. */
  async text(call: Call): Promise<string> {
    const { requestTimeoutMs = usualTimeoutMs, maxAttempts = usualAttempts } = { ...this.#options, ...call };
    for (let attempt = 1; ; attempt++) {
      try {
        const limit = AbortSignal.timeout(requestTimeoutMs);
        const signal = call.signal ? AbortSignal.any([call.signal, limit]) : limit;
        const response = await this.#send({ ...call, signal }, requestTimeoutMs);
        return await response.body.text();
      } catch (error) {
        const delay = attempt < maxAttempts ? retryDelayMs(call.method, error, attempt) : undefined;
        if (delay === undefined || this.#closed || call.signal?.aborted) throw error;
        await sleep(delay, undefined, { signal: call.signal });
      }
    }
  }

  /** Streams the response's lines; ends with an error after a silence of `silenceMs`. */
  async *lines(call: Call, silenceMs: number): AsyncGenerator<string> {
    const response = await this.#send(call, silenceMs);
    let rest = "";
    for await (const chunk of response.body.setEncoding("utf8")) {
      const parts = (rest + String(chunk)).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) if (line !== "") yield line;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#dispatcher?.destroy();
  }

  async #send(call: Call, timeoutMs: number): Promise<Dispatcher.ResponseData> {
    await this.#bucket.take(call.signal);
    const { authorization } = await this.#refreshCredentials();
    if (call.method !== "GET" && !this.#mayWrite()) throw new WritesStoppedError();
    const response = await send(this.#url(call), {
      dispatcher: this.#dispatcher!,
      method: call.method,
      headers: {
        accept: "application/json, */*",
        "user-agent": this.#options.userAgent,
        ...(authorization === undefined ? {} : { authorization }),
        ...(call.body === undefined ? {} : { "content-type": call.contentType ?? "application/json" }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal: call.signal ?? null,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    this.#options.onResponse?.(call.method, response.statusCode);
    if (response.statusCode < 300) return response;
    // Rejected credentials may have been replaced on disk since they were read.
    if (response.statusCode === 401) this.#forgetCredentials();
    const retryAfter = response.headers["retry-after"];
    throw apiError(
      response.statusCode,
      await response.body.text(),
      typeof retryAfter === "string" ? retryAfter : undefined,
    );
  }

  #url({ path, query }: Call): URL {
    const url = new URL(path.replace(/^\//, ""), this.#server);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  /** Tokens and client certificates rotate: read them again every minute, and renew the pool if TLS changed. */
  async #refreshCredentials(): Promise<Credentials> {
    if (this.#credentials && Date.now() - this.#credentials.readAt < credentialsAgeMs) return this.#credentials;
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const tls = JSON.stringify([ca, cert, key, rejectUnauthorized, servername].map((part) => String(part ?? "")));
    if (this.#credentials?.tls !== tls) {
      const previous = this.#dispatcher;
      this.#dispatcher = this.#newDispatcher({
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
        ...(servername === undefined ? {} : { servername }),
      });
      void previous?.close();
    }
    this.#credentials = { readAt: Date.now(), authorization: authorizationOf(options), tls };
    return this.#credentials;
  }

  #forgetCredentials(): void {
    if (this.#credentials) this.#credentials = { ...this.#credentials, readAt: Number.NEGATIVE_INFINITY };
  }

  #newDispatcher(tls: Pick<RequestOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername">): Dispatcher {
    const proxy = this.#config.getCurrentCluster()?.proxyUrl;
    if (proxy !== undefined) return new ProxyAgent({ uri: proxy, requestTls: tls, allowH2: false });
    // HTTP/1.1: over HTTP/2 undici loses the body of a DELETE, and with it how to delete.
    return new Agent({
      allowH2: false,
      connections: 64,
      connect: { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000 },
    });
  }
}

function authorizationOf({ headers, auth }: RequestOptions): string | undefined {
  if (typeof auth === "string") return `Basic ${Buffer.from(auth).toString("base64")}`;
  const header = headers && !Array.isArray(headers) ? Reflect.get(headers, "Authorization") : undefined;
  return typeof header === "string" ? header : undefined;
}

/** The wait before the next attempt; undefined if there is none. Exported for its test table. */
export function retryDelayMs(method: Call["method"], error: unknown, attempt: number): number | undefined {
  if (error instanceof WritesStoppedError) return undefined;
  const refused = error instanceof ApiError && (error.status === 429 || error.status === 503);
  const failedRead = method === "GET" && !(error instanceof ApiError && error.status < 500);
  if (!refused && !failedRead) return undefined;
  const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
  if (asked !== undefined && asked > longestRetryAfterMs) return undefined;
  const backoff = Math.min(100 * 2 ** (attempt - 1), 5_000);
  return (asked ?? backoff) + Math.random() * backoff;
}
