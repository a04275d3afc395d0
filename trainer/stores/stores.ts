/**
 * Selects the store of a URI by its scheme. `pvc://CLAIM/PATH` is the directory where the claim is mounted:
 * `/luthier/claims/CLAIM` in a pod, or the DIRECTORY of `--claim CLAIM=DIRECTORY`. `locations` gives the endpoint of a
 * remote store, and the Secret that is mounted at `/luthier/secrets/NAME`, for all URIs below one.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { invalid } from "../contract/failure.ts";
import type { Location } from "../contract/locations.ts";
import { CredentialSource } from "./credentials.ts";
import { type Patience, usualPatience } from "./http.ts";
import { atRevision, HubStore } from "./hubStore.ts";
import { LocalStore } from "./localStore.ts";
import { Registry } from "./registry.ts";
import { S3Store } from "./s3Store.ts";
import { Scratch } from "./scratch.ts";
import type { Store } from "./store.ts";

export interface StoreOptions {
  /** Directories of claims by name; other claims are under `claimsRoot`. */
  claims?: ReadonlyMap<string, string>;
  claimsRoot?: string;
  /** Endpoints and credentials of remote stores; the longest matching URI applies. */
  locations?: readonly Location[];
  secretsRoot?: string;
  /** Local space for fetched files. */
  scratch?: string;
  patience?: Patience;
  /** Receives a line for each retry of a remote store, with the reason. */
  log?: (line: string) => void;
  /** Stops retries when aborted; for work that then has nothing left to write. */
  signal?: AbortSignal;
  /** Stores by scheme ("file:"), in addition to or instead of the usual ones. */
  schemes?: ReadonlyMap<string, Store>;
}

export class Stores {
  readonly scratch: Scratch;
  readonly #options: StoreOptions;
  readonly #byScheme: ReadonlyMap<string, Store>;
  /** Opened remote stores, by scheme, bucket and location. */
  readonly #remote = new Map<string, S3Store | HubStore>();

  constructor(options: StoreOptions = {}) {
    this.#options = options;
    this.scratch = new Scratch(options.scratch);
    this.#byScheme = new Map<string, Store>([
      ["file:", new LocalStore(fileURLToPath)],
      [
        "pvc:",
        new LocalStore(
          (uri) => claimPath(uri, options),
          (uri) => claimRoot(uri, options),
        ),
      ],
      ...(options.schemes ?? []),
    ]);
  }

  /** The store of a URI. Throws a failure that names the supported schemes. */
  of(uri: string): Store {
    const scheme = /^[a-z0-9]+:/.exec(uri)?.[0] ?? "";
    const store = this.#byScheme.get(scheme);
    if (store) return store;
    if (scheme === "s3:" || scheme === "hf:") return this.#remoteStore(scheme, uri);
    const known = [...this.#byScheme.keys(), "s3:", "hf:"].map((name) => `${name}//`).join(", ");
    throw invalid("UnknownStore", `${uri}: unknown kind of store; supported: ${known}`);
  }

  /** A model's URI pinned to its current revision, and that revision; undefined for stores without revisions. */
  async pinned(uri: string, revision: string | undefined): Promise<{ uri: string; revision: string | undefined }> {
    const store = this.of(uri);
    if (!(store instanceof HubStore)) return { uri, revision: undefined };
    const commit = await store.commitOf(atRevision(uri, revision ?? "main"));
    return { uri: atRevision(uri, commit), revision: commit };
  }

  /** The repository of a registry at `oci://HOST/REPOSITORY`. */
  registry(uri: string): Registry {
    return new Registry({ uri, ...this.#accessTo(this.#locationOf(uri)) });
  }

  #remoteStore(scheme: "s3:" | "hf:", uri: string): Store {
    const location = this.#locationOf(uri);
    const bucket = scheme === "s3:" ? bucketOf(uri) : "";
    const key = JSON.stringify([scheme, bucket, location?.endpoint, location?.secretRef?.name]);
    const known = this.#remote.get(key);
    if (known) return known;
    const options = this.#accessTo(location);
    const store = scheme === "s3:" ? new S3Store({ ...options, bucket }) : new HubStore(options);
    this.#remote.set(key, store);
    return store;
  }

  /** The location of the longest matching URI. */
  #locationOf(uri: string): Location | undefined {
    return (this.#options.locations ?? [])
      .filter((one) => isBelow(uri, one.uri))
      .sort((a, b) => b.uri.length - a.uri.length)[0];
  }

  /** The endpoint and the credentials of a location, and the patience with it. */
  #accessTo(location: Location | undefined) {
    return {
      endpoint: location?.endpoint,
      credentials: this.#credentials(location),
      patience: {
        onRetry: this.#options.log,
        signal: this.#options.signal,
        ...(this.#options.patience ?? usualPatience),
      },
    };
  }

  /** The mounted Secret's credentials; outside a cluster, without one, the environment's. */
  #credentials(location: Location | undefined): CredentialSource {
    const root = this.#options.secretsRoot ?? process.env.LUTHIER_SECRETS ?? "/luthier/secrets";
    const directory = location?.secretRef && path.join(root, location.secretRef.name);
    return new CredentialSource(directory && existsSync(directory) ? directory : undefined);
  }
}

/** Whether a URI is a location's URI or below it; for a repository of the hub, at any revision. */
const isBelow = (uri: string, location: string) => {
  const base = location.replace(/\/+$/, "");
  return uri === base || uri.startsWith(`${base}/`) || uri.startsWith(`${base}@`);
};

function bucketOf(uri: string): string {
  const bucket = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/|$)/.exec(uri)?.[1];
  if (bucket === undefined) throw invalid("InvalidUri", `${uri}: not of the form s3://BUCKET/PATH`);
  return bucket;
}

const claimUri = /^pvc:\/\/([^/]+)((?:\/[^/]+)*)\/?$/;

function claimPath(uri: string, options: StoreOptions): string {
  const [, rest = ""] = claimUri.exec(uri)?.slice(1) ?? [];
  const parts = rest.split("/").slice(1);
  if (parts.some((part) => part === "." || part === "..")) throw notOfAClaim(uri);
  return path.join(claimRoot(uri, options), ...parts);
}

/** The directory where a URI's claim is mounted. */
function claimRoot(uri: string, { claims, claimsRoot }: StoreOptions): string {
  const claim = claimUri.exec(uri)?.[1];
  if (claim === undefined || claim === "." || claim === "..") throw notOfAClaim(uri);
  const root = claimsRoot ?? process.env.LUTHIER_CLAIMS ?? "/luthier/claims";
  return claims?.get(claim) ?? path.join(root, claim);
}

const notOfAClaim = (uri: string) => invalid("InvalidUri", `${uri}: not of the form pvc://CLAIM/PATH`);
