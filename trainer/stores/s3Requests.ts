/**
 * Requests to one bucket of an S3-compatible store: signed (Signature Version 4), retried, with explained refusals. A
 * request refused for its credentials is signed again with the current ones.
 */
import { AwsV4Signer } from "aws4fetch";
import { exitCode } from "../contract/exitCodes.ts";
import { invalid, StageFailure } from "../contract/failure.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import { type Answer, bytesOf, exchange, type HttpRequest, type Patience, patiently, Transient } from "./http.ts";
import { errorOf, type S3Error } from "./s3Xml.ts";

export interface S3Request {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** The object's key; absent for the bucket. */
  key?: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array<ArrayBuffer>;
}

export interface S3Answer {
  status: number;
  headers: Answer["headers"];
  text: string;
}

export interface S3Options {
  bucket: string;
  /** Takes precedence over the credentials' endpoint. */
  endpoint: string | undefined;
  credentials: CredentialSource;
  patience: Patience;
}

/** SHA-256 of an empty body. */
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** How often a refused request is sent again because something changed. */
const mostRepeats = 3;

const firstByte = { range: "bytes=0-0" };

/** Refusals that newer credentials or a later retry can fix. */
const passing = new Set(["ExpiredToken", "TokenRefreshRequired", "RequestTimeTooSkewed", "RequestExpired"]);
const busy = new Set([
  "SlowDown",
  "InternalError",
  "ServiceUnavailable",
  "RequestTimeout",
  "OperationAborted",
  "ConditionalRequestConflict",
]);

export class S3Requests {
  readonly patience: Patience;
  readonly #options: S3Options;
  /** The bucket's region, as the store reports it. */
  #region: string | undefined;

  constructor(options: S3Options) {
    this.#options = options;
    this.patience = options.patience;
  }

  uriOf(key: string): string {
    return `s3://${this.#options.bucket}/${key}`;
  }

  /** Sends a request until the response has an expected status, and reads it. */
  async call(request: S3Request, expected: readonly number[]): Promise<S3Answer> {
    return await patiently(this.uriOf(request.key ?? ""), this.patience, async () => {
      const answer = await this.#send(request, expected);
      const text = Buffer.from(await bytesOf(answer)).toString("utf8");
      const failure = answer.status === 200 && request.method !== "GET" ? errorOf(text) : undefined;
      if (failure) throw new Transient(`answered ${failure.code}: ${failure.message}`);
      return { status: answer.status, headers: answer.headers, text };
    });
  }

  /** Sends a request once and returns the unread response. Throws `Transient` when a retry may help. */
  async open(request: S3Request, expected: readonly number[]): Promise<Answer> {
    return await this.#send(request, expected);
  }

  async #send(request: S3Request, expected: readonly number[]): Promise<Answer> {
    for (let repeats = 0; ; repeats++) {
      const answer = await exchange(await this.#signed(request), this.patience);
      if (expected.includes(answer.status)) return answer;
      const error = errorOf(Buffer.from(await bytesOf(answer)).toString("utf8"));
      if (repeats < mostRepeats && (await this.#mayRepeat(answer))) continue;
      // A response to HEAD has no body, so a GET fetches the error. The cause of the refusal may have passed by then.
      if (request.method === "HEAD") {
        const probe = { ...request, method: "GET", headers: firstByte } as const;
        await bytesOf(await this.#send(probe, [...expected, 206]));
        throw new Transient("it was refused first and then accepted");
      }
      throw this.#refusal(request, answer.status, error);
    }
  }

  /** Whether the same request may succeed now: with new credentials, or in the bucket's region. */
  async #mayRepeat({ status, headers }: Answer): Promise<boolean> {
    const region = headers.get("x-amz-bucket-region");
    if (region !== null && region !== this.#regionOf(await this.#options.credentials.get())) {
      this.#region = region;
      return true;
    }
    return (status === 400 || status === 401 || status === 403) && (await this.#options.credentials.renew());
  }

  #refusal({ key = "" }: S3Request, status: number, error: S3Error | undefined): Error {
    const uri = this.uriOf(key);
    const { code = "", message = "" } = error ?? {};
    const words = `${status}${code && ` ${code}`}${message && `: ${message}`}`;
    if (code === "NoSuchBucket")
      return invalid("BucketMissing", `${uri}: there is no such bucket; check its name and endpoint`);
    if (passing.has(code)) return new Transient(`the credentials are refused (${words})`);
    if (busy.has(code)) return new Transient(`answered ${words}`);
    if (status === 401 || status === 403) return denied(uri, words);
    return new StageFailure(exitCode.storeUnreachable, "StoreRefused", `${uri}: the store answered ${words}`);
  }

  async #signed({ method, key, query = {}, headers = {}, body }: S3Request): Promise<HttpRequest> {
    const credentials = await this.#options.credentials.get();
    const url = this.#url(credentials, key);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const [accessKeyId, secretAccessKey] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map((n) =>
      credentials.get(n),
    );
    const sessionToken = credentials.get("AWS_SESSION_TOKEN");
    const all = new Headers({ "x-amz-content-sha256": emptyHash, ...headers });
    // No compression in transit, because it would hide the number of bytes.
    const plain = { "accept-encoding": "identity" };
    const rest = { method, ...(body !== undefined && { body }) };
    if (accessKeyId === undefined || secretAccessKey === undefined) {
      return { url, ...rest, headers: { ...Object.fromEntries(all), ...plain } };
    }
    const signer = new AwsV4Signer({
      ...{ url: url.href, method, headers: all, service: "s3", region: this.#regionOf(credentials) },
      ...{ accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    });
    const signed = await signer.sign();
    return { url: signed.url, ...rest, headers: { ...Object.fromEntries(signed.headers), ...plain } };
  }

  #regionOf(credentials: Credentials): string {
    return this.#region ?? credentials.get("AWS_REGION") ?? credentials.get("AWS_DEFAULT_REGION") ?? "us-east-1";
  }

  /**
   * The bucket is in the path for a custom endpoint; at AWS it is in the host, unless dots would break its certificate.
   */
  #url(credentials: Credentials, key: string | undefined): URL {
    const { bucket, endpoint = credentials.get("AWS_ENDPOINT_URL") } = this.#options;
    const at = key === undefined ? "" : `/${key.split("/").map(encodeURIComponent).join("/")}`;
    if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, "")}/${bucket}${at}`);
    const host = `s3.${this.#regionOf(credentials)}.amazonaws.com`;
    return new URL(bucket.includes(".") ? `https://${host}/${bucket}${at}` : `https://${bucket}.${host}${at || "/"}`);
  }
}

const denied = (uri: string, words: string) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "AccessDenied",
    `${uri}: access is denied (${words}); check secretRef and the keys of its Secret, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
  );
