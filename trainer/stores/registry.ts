/**
 * One repository of an OCI registry (distribution specification 1.1): blobs by digest, and manifests by digest or tag. Every
 * byte that is read is compared with its digest. Redirects are followed; the authorisation is sent to the registry only.
 */
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, invalid, StageFailure } from "../contract/failure.ts";
import type { CredentialSource } from "./credentials.ts";
import { compared, type Digest, digestOf } from "./digest.ts";
import {
  type Answer,
  bytesOf,
  exchange,
  type HttpRequest,
  type Patience,
  patiently,
  shortened,
  textOf,
} from "./http.ts";
import { challengeOf, RegistryAuth } from "./registryAuth.ts";
import { type Repository, repositoryOf } from "./registryReference.ts";
import { resumed } from "./resumed.ts";

export interface RegistryOptions {
  /** `oci://HOST/REPOSITORY`. */
  uri: string;
  endpoint: string | undefined;
  credentials: CredentialSource;
  patience: Patience;
}

export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
/** Manifests that a tag may name. */
const readTypes = [
  manifestType,
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

const mostRedirects = 5;
/** How often a refused request is sent again with another authorisation. */
const mostChallenges = 2;

export class Registry {
  readonly uri: string;
  readonly patience: Patience;
  readonly #repository: Repository;
  readonly #auth: RegistryAuth;

  constructor({ uri, endpoint, credentials, patience }: RegistryOptions) {
    this.uri = uri;
    this.patience = patience;
    this.#repository = repositoryOf(uri, endpoint);
    this.#auth = new RegistryAuth({ repository: this.#repository, credentials, patience });
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    const { status } = await this.call({ method: "HEAD", url: this.at(`blobs/${digest}`) }, [200, 404]);
    return status === 200;
  }

  /** A blob's bytes. Throws a failure when it is missing, or at its end when its digest differs. */
  blob(digest: Digest): AsyncIterable<Uint8Array> {
    const { uri, patience } = this;
    const get = async (headers: Record<string, string>) => {
      const answer = await this.send({ url: this.at(`blobs/${digest}`), headers }, [200, 206, 404, 412, 416]);
      if (answer.status !== 404) return answer;
      await answer.discard();
      throw corrupt("BlobMissing", `${uri}: the registry has no blob ${digest}`);
    };
    return compared(resumed({ uri: `${uri}@${digest}`, patience, get }), digest, () => changed(uri, digest));
  }

  /** The manifest that a tag or a digest names; undefined when there is none. */
  async manifest(reference: string): Promise<StoredManifest | undefined> {
    const request = { url: this.at(`manifests/${reference}`), headers: { accept: readTypes } };
    return await patiently(this.uri, this.patience, async () => {
      const answer = await this.send(request, [200, 404]);
      const bytes = await bytesOf(answer);
      if (answer.status === 404) return undefined;
      const digest = digestOf(bytes);
      if (reference.includes(":") && reference !== digest) throw changed(this.uri, reference);
      return { digest, mediaType: answer.headers.get("content-type") ?? "", bytes };
    });
  }

  /** Puts a manifest under its digest, or under a tag, which then names it alone. */
  async putManifest(reference: string, bytes: Uint8Array): Promise<void> {
    const headers = { "content-type": manifestType };
    const body = Uint8Array.from(bytes);
    await this.call({ method: "PUT", url: this.at(`manifests/${reference}`), headers, body }, [201]);
  }

  /** Sends a request until the response has an expected status, and reads it. */
  async call(request: HttpRequest, expected: readonly number[]): Promise<Pick<Answer, "status" | "headers">> {
    return await patiently(this.uri, this.patience, async () => {
      const answer = await this.send(request, expected);
      await bytesOf(answer);
      return answer;
    });
  }

  /** Sends a request once and returns the unread response. Throws `Transient` when a retry may help. */
  async send(request: HttpRequest, expected: readonly number[]): Promise<Answer> {
    for (let challenges = 0; ; challenges++) {
      const answer = await this.#follow(request);
      if (expected.includes(answer.status)) return answer;
      const challenge = answer.status === 401 ? challengeOf(answer.headers.get("www-authenticate") ?? "") : undefined;
      const words = shortened(await textOf(answer));
      if (challenge && challenges < mostChallenges) {
        // The second time the credentials themselves are in question.
        const mayHelp = challenges === 0 || (await this.#auth.renew());
        if (mayHelp && (await this.#auth.meet(challenge))) continue;
      }
      throw this.#refusal(answer.status, words);
    }
  }

  /** The address of a part of the repository. */
  at(part: string): URL {
    return new URL(`${this.#repository.endpoint}/v2/${this.#repository.name}/${part}`);
  }

  async #follow(request: HttpRequest): Promise<Answer> {
    const first = new URL(request.url);
    const own = new URL(this.#repository.endpoint).origin;
    let url = first;
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const authorization = url.origin === own ? this.#auth.header : undefined;
      // No compression in transit, because it would hide the number of bytes.
      const headers = { "accept-encoding": "identity", ...request.headers, ...(authorization && { authorization }) };
      const answer = await exchange({ ...request, url, headers }, this.patience);
      const location = answer.headers.get("location");
      if (answer.status < 300 || answer.status >= 400 || location === null) return answer;
      await answer.discard();
      url = this.addressOf(location, url);
    }
    throw unsuitable(this.uri, `it redirects more than ${mostRedirects} times`);
  }

  /** The address in a response, which may be relative. Throws a failure if it leaves https. */
  addressOf(location: string, from: URL): URL {
    const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
    const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && from.protocol === "http:");
    if (url !== undefined && isSafe && url.username === "") return url;
    throw unsuitable(this.uri, "it names an unsafe address (with user information, or not over https)");
  }

  #refusal(status: number, words: string): Error {
    const response = `the registry answered ${status}${words && `: ${words}`}`;
    if (status === 401 || status === 403)
      return new StageFailure(
        exitCode.storeUnreachable,
        "AccessDenied",
        `${this.uri}: access is denied; check secretRef and the login in its Secret (outside a cluster, log in with docker or podman); ${response}`,
      );
    if (status === 404)
      return invalid("RepositoryMissing", `${this.uri}: the registry has no such repository; ${response}`);
    return new StageFailure(exitCode.storeUnreachable, "StoreRefused", `${this.uri}: ${response}`);
  }
}

const changed = (uri: string, digest: Digest) =>
  corrupt("DigestMismatch", `${uri}: the bytes of ${digest} do not match their digest`);

export const unsuitable = (uri: string, what: string) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "StoreUnsuitable",
    `${uri}: the server is not a suitable registry: ${what}`,
  );
