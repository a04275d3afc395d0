/**
 * A local hub with the API of the real one: revisions, a paged tree with digests, and downloads with ranges. It
 * redirects large files to another origin, as the real one redirects to its storage. A test injects faults through
 * `fault` and reads the received requests from `requests`.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HubRepository {
  kind?: "models" | "datasets";
  name: string;
  files: Readonly<Record<string, Uint8Array>>;
  /** The repository can be read only with this token; `gated` adds the hub's own error text. */
  token?: string;
  gated?: boolean;
}

export interface HubRequest {
  /** "hub", or "storage" for the origin of large files. */
  at: "hub" | "storage";
  url: string;
  authorization: string | undefined;
  range: string | undefined;
}

/** Handles a request for a test; returns true if it has answered it. */
type Fault = (request: HubRequest, response: ServerResponse, content: Buffer | undefined) => boolean;

/** Larger files are in large-file storage. */
const smallBytes = 1024;

export class HubServer {
  readonly requests: HubRequest[] = [];
  fault: Fault = () => false;
  readonly #repositories: readonly HubRepository[];
  /** A repository's commit and tree, and its large files by digest; cached, since files do not change. */
  readonly #commits: ReadonlyMap<HubRepository, string>;
  readonly #trees: ReadonlyMap<HubRepository, readonly TreeEntry[]>;
  readonly #blobs: ReadonlyMap<string, Buffer>;
  readonly #hub: Server;
  readonly #storage: Server;
  readonly #pageFiles: number;
  #endpoint = "";
  /** The origin of large files; a test may put another server before it. */
  storageUrl = "";

  private constructor(repositories: readonly HubRepository[], pageFiles: number) {
    this.#repositories = repositories;
    this.#pageFiles = pageFiles;
    this.#commits = new Map(repositories.map((one) => [one, HubServer.commitOf(one)]));
    const entries = (one: HubRepository) =>
      Object.entries(one.files).map(([path, content]) => treeEntry(path, content));
    this.#trees = new Map(repositories.map((one) => [one, entries(one)]));
    const large = repositories.flatMap(({ files }) => Object.values(files).filter(({ length }) => length > smallBytes));
    this.#blobs = new Map(
      large.map((content) => [sha256(content), Buffer.from(content.buffer, content.byteOffset, content.length)]),
    );
    this.#hub = createServer((request, response) => this.#answer("hub", request, response));
    this.#storage = createServer((request, response) => this.#answer("storage", request, response));
  }

  /** `host`: the host name in the server's addresses. */
  static async start(
    repositories: readonly HubRepository[],
    { host = "127.0.0.1", pageFiles = 3 } = {},
  ): Promise<HubServer> {
    const server = new HubServer(repositories, pageFiles);
    for (const one of [server.#hub, server.#storage]) {
      await new Promise<void>((resolve) => one.listen(0, host, resolve));
    }
    const url = (one: Server) => `http://${host}:${(one.address() as AddressInfo).port}`;
    server.#endpoint = url(server.#hub);
    server.storageUrl = url(server.#storage);
    return server;
  }

  get endpoint(): string {
    return this.#endpoint;
  }

  /** Every revision of a repository resolves to this commit, derived from its files. */
  static commitOf({ files }: HubRepository): string {
    const hash = createHash("sha1");
    for (const [path, content] of Object.entries(files)) hash.update(`${path}\0`).update(content);
    return hash.digest("hex");
  }

  close(): void {
    for (const one of [this.#hub, this.#storage]) {
      one.closeAllConnections();
      one.close();
    }
  }

  #answer(at: HubRequest["at"], message: IncomingMessage, response: ServerResponse): void {
    const { authorization, range } = message.headers;
    const request = { at, url: message.url ?? "/", authorization, range };
    this.requests.push(request);
    const url = new URL(request.url, this.#endpoint);
    if (at === "storage") {
      const content = this.#blobs.get(url.pathname.slice(1));
      if (!this.fault(request, response, content)) sendContent(response, content, range, `"${url.pathname.slice(1)}"`);
      return;
    }
    if (this.fault(request, response, undefined)) return;
    const repository = this.#repositories.find((one) =>
      prefixes(one).some((prefix) => url.pathname.startsWith(prefix)),
    );
    const refusal = refusalOf(repository, authorization);
    if (repository === undefined || refusal) refuse(response, ...(refusal ?? [401, "RepoNotFound"]));
    else if (url.pathname.startsWith("/api/")) this.#api(repository, url, response);
    else this.#resolve(repository, url, range, response);
  }

  #api(repository: HubRepository, url: URL, response: ServerResponse): void {
    const [, , , , , what, revision = ""] = url.pathname.split("/");
    const commit = this.#commits.get(repository)!;
    const isKnown = ["main", "v1", "refs/pr/1", commit].includes(decodeURIComponent(revision));
    if (!isKnown) refuse(response, 404, "RevisionNotFound");
    else if (what === "revision") sendJson(response, { id: repository.name, sha: commit });
    else this.#tree(repository, url, response);
  }

  #tree(repository: HubRepository, url: URL, response: ServerResponse): void {
    const all = this.#trees.get(repository)!;
    const from = Number(url.searchParams.get("cursor") ?? 0);
    if (from + this.#pageFiles < all.length) {
      url.searchParams.set("cursor", String(from + this.#pageFiles));
      response.setHeader("link", `<${url.href}>; rel="next"`);
    }
    sendJson(response, [
      { type: "directory", path: "x", size: 0, oid: "0" },
      ...all.slice(from, from + this.#pageFiles),
    ]);
  }

  #resolve(repository: HubRepository, url: URL, range: string | undefined, response: ServerResponse): void {
    const path = url.pathname.split("/resolve/")[1]?.split("/").slice(1).map(decodeURIComponent).join("/") ?? "";
    const content = repository.files[path];
    if (content === undefined) refuse(response, 404, "EntryNotFound");
    else if (content.length > smallBytes)
      response.writeHead(302, { location: `${this.storageUrl}/${this.#digestOf(repository, path)}` }).end();
    else sendContent(response, Buffer.from(content), range, `"${blobOid(content)}"`);
  }

  #digestOf(repository: HubRepository, path: string): string {
    return this.#trees.get(repository)!.find((entry) => entry.path === path)!.lfs!.oid;
  }
}

const prefixes = ({ kind = "models", name }: HubRepository) => [
  `/api/${kind}/${name}/`,
  `/${kind === "datasets" ? "datasets/" : ""}${name}/`,
];

function refusalOf(
  repository: HubRepository | undefined,
  authorization: string | undefined,
): [number, string] | undefined {
  if (repository?.token === undefined || authorization === `Bearer ${repository.token}`) return undefined;
  return repository.gated ? [403, "GatedRepo"] : [401, "RepoNotFound"];
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "x-error-code": code, "x-error-message": `words about ${code}` }).end();
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}

/** Sends the whole file, or the requested range. */
export function sendContent(
  response: ServerResponse,
  content: Buffer | undefined,
  range: string | undefined,
  etag: string,
): void {
  if (content === undefined) {
    response.writeHead(404).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  if (first === undefined) {
    response.writeHead(200, { "content-length": content.length, etag }).end(content);
    return;
  }
  const part = content.subarray(Number(first), last ? Number(last) + 1 : undefined);
  const extent = `bytes ${first}-${Number(first) + part.length - 1}/${content.length}`;
  response.writeHead(206, { "content-length": part.length, "content-range": extent, etag }).end(part);
}

interface TreeEntry {
  type: string;
  path: string;
  size: number;
  oid: string;
  lfs?: { oid: string; size: number };
}

function treeEntry(path: string, content: Uint8Array): TreeEntry {
  const lfs = content.length <= smallBytes ? {} : { lfs: { oid: sha256(content), size: content.length } };
  return { type: "file", path, size: content.length, oid: blobOid(content), ...lfs };
}

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

/** Git's object id of the content. */
const blobOid = (content: Uint8Array) =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
