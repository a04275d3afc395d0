/**
 * Reads repositories of the Hugging Face hub or of a mirror: `hf://ORG/MODEL[@REVISION][/PATH]` and
 * `hf://datasets/ORG/NAME[@REVISION]/PATH`. A revision resolves to a commit. Files of a commit never change, and each
 * file is checked against the hub's digest. The token is sent to the hub only, never to another host.
 */
import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, invalid, StageFailure } from "../contract/failure.ts";
import type { CredentialSource } from "./credentials.ts";
import { type Answer, exchange, type Patience, patiently, shortened, textOf } from "./http.ts";
import { resumed } from "./resumed.ts";
import { jsonOf } from "./sealed.ts";
import { type ByteRange, type Entry, MissingFileError, type Store } from "./store.ts";

export interface HubOptions {
  endpoint: string | undefined;
  credentials: CredentialSource;
  patience: Patience;
}

interface Repository {
  kind: "models" | "datasets";
  name: string;
  revision: string;
  /** "" for the repository itself. */
  path: string;
}

const revisionInfo = z.looseObject({ sha: z.string().regex(/^[0-9a-f]{40,64}$/) });
const treeEntry = z.looseObject({
  type: z.string(),
  path: z.string().max(4096),
  size: z.int().min(0),
  /** The git digest of the file: of its blob, or for a large file of its pointer. */
  oid: z.string(),
  lfs: z.looseObject({ oid: z.string().regex(/^[0-9a-f]{64}$/) }).optional(),
});
const treePage = z.array(treeEntry).max(100_000);

interface HubFile extends Entry {
  blob: string;
}

const mostPages = 1000;
const mostRedirects = 5;

export class HubStore implements Store {
  readonly #options: HubOptions;
  /** File lists by commit; they never change. */
  readonly #trees = new Map<string, Promise<readonly HubFile[]>>();

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** The current commit of the URI's revision. Throws a failure with the hub's reason if it refuses. */
  async commitOf(uri: string): Promise<string> {
    const { kind, name, revision } = repositoryOf(uri);
    if (/^[0-9a-f]{40}$/.test(revision)) return revision;
    const text = await this.#text(
      uri,
      await this.#api(`/api/${kind}/${name}/revision/${encodeURIComponent(revision)}`),
    );
    const parsed = revisionInfo.safeParse(jsonOf(Buffer.from(text)));
    if (parsed.success) return parsed.data.sha;
    throw strange(uri, "its response for the revision has no commit");
  }

  async stat(uri: string): Promise<Entry | undefined> {
    return await this.#find(uri);
  }

  async read(uri: string, range?: ByteRange): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of range === undefined ? this.stream(uri) : this.#bytes(uri, range)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async *stream(uri: string): AsyncIterable<Uint8Array> {
    const file = await this.#find(uri);
    if (!file) throw new MissingFileError(uri);
    const check = checkOf(file);
    for await (const chunk of this.#bytes(uri, undefined)) {
      check.hash.update(chunk);
      yield chunk;
    }
    if (check.hash.digest("hex") === check.expected) return;
    throw corrupt("DigestMismatch", `${uri}: its bytes do not match the hub's digest`);
  }

  async list(uri: string, beginning = ""): Promise<Entry[]> {
    const { path } = repositoryOf(uri);
    const prefix = path === "" ? "" : `${path}/`;
    const files = await this.#tree(uri);
    return files
      .filter((file) => file.path.startsWith(`${prefix}${beginning}`))
      .map(({ blob: _, ...entry }) => ({ ...entry, path: entry.path.slice(prefix.length) }));
  }

  write(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  create(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  commitDirectory(from: string): Promise<never> {
    throw readOnly(from);
  }

  move(from: string): Promise<never> {
    throw readOnly(from);
  }

  remove(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  removeFiles(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  occupant(uri: string): Promise<never> {
    throw readOnly(uri);
  }

  async localFile(): Promise<undefined> {
    return undefined;
  }

  async #find(uri: string): Promise<HubFile | undefined> {
    const { path } = repositoryOf(uri);
    return (await this.#tree(uri)).find((file) => file.path === path);
  }

  async #tree(uri: string): Promise<readonly HubFile[]> {
    const { kind, name } = repositoryOf(uri);
    const commit = await this.commitOf(uri);
    const key = `${kind}/${name}@${commit}`;
    const known = this.#trees.get(key) ?? this.#readTree(uri, `/api/${kind}/${name}/tree/${commit}?recursive=true`);
    this.#trees.set(key, known);
    // A failed request is not kept, so the next call repeats it.
    known.catch(() => this.#trees.delete(key));
    return await known;
  }

  async #readTree(uri: string, first: string): Promise<HubFile[]> {
    const files: HubFile[] = [];
    let next: URL | undefined = await this.#api(first);
    for (let page = 0; next !== undefined; page++) {
      if (page === mostPages) throw strange(uri, `its list of files has more than ${mostPages} pages`);
      const from: URL = next;
      const { text, link } = await this.#page(uri, from);
      const parsed = treePage.safeParse(jsonOf(Buffer.from(text)));
      if (!parsed.success)
        throw strange(uri, `its list of files is invalid: ${shortened(z.prettifyError(parsed.error))}`);
      files.push(...parsed.data.filter(({ type }) => type === "file").map(fileOf));
      next = nextPage(uri, link, from);
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #bytes(uri: string, range: ByteRange | undefined): AsyncIterable<Uint8Array> {
    const { kind, name, path } = repositoryOf(uri);
    const get = async (headers: Record<string, string>) => {
      const at = `${kind === "datasets" ? "/datasets" : ""}/${name}/resolve/${await this.commitOf(uri)}/${encoded(path)}`;
      return await this.#get(uri, await this.#api(at), headers, [200, 206, 412, 416]);
    };
    return resumed({ uri, patience: this.#options.patience, range, get });
  }

  async #text(uri: string, url: URL): Promise<string> {
    return (await this.#page(uri, url)).text;
  }

  async #page(uri: string, url: URL): Promise<{ text: string; link: string | null }> {
    return await patiently(uri, this.#options.patience, async () => {
      const answer = await this.#get(uri, url, {}, [200]);
      return { text: await textOf(answer), link: answer.headers.get("link") };
    });
  }

  /** One request, following redirects. Throws `Transient`, or a failure that explains the refusal. */
  async #get(uri: string, url: URL, headers: Record<string, string>, expected: readonly number[]): Promise<Answer> {
    for (let renewed = false; ; renewed = true) {
      const answer = await this.#follow(uri, url, headers);
      if (expected.includes(answer.status)) return answer;
      await answer.discard();
      const mayRenew = !renewed && (answer.status === 401 || answer.status === 403);
      if (mayRenew && (await this.#options.credentials.renew())) continue;
      throw this.#refusal(uri, answer);
    }
  }

  async #follow(uri: string, first: URL, headers: Record<string, string>): Promise<Answer> {
    const credentials = await this.#options.credentials.get();
    // The token saved for the hub is not sent to an endpoint that a manifest names.
    const saved = this.#options.endpoint === undefined ? credentials.get("HF_SAVED_TOKEN") : undefined;
    const token = credentials.get("HF_TOKEN") ?? saved;
    let url = first;
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const own = token !== undefined && url.origin === first.origin ? { authorization: `Bearer ${token}` } : {};
      // No compression in transit, because it would hide the number of bytes.
      const request = { url, headers: { "accept-encoding": "identity", ...headers, ...own } };
      const answer = await exchange(request, this.#options.patience);
      const location = answer.headers.get("location");
      if (answer.status < 300 || answer.status >= 400 || location === null) return answer;
      await answer.discard();
      url = redirected(uri, location, url);
    }
    throw strange(uri, `it redirects more than ${mostRedirects} times`);
  }

  #refusal(uri: string, { status, headers }: Answer): Error {
    const { kind, name, revision } = repositoryOf(uri);
    const [code, words] = [headers.get("x-error-code") ?? "", shortened(headers.get("x-error-message") ?? "")];
    const response = `the hub answered ${status}${words && `: ${words}`}`;
    const token =
      "set secretRef to a Secret with the key HF_TOKEN (outside a cluster, the variable HF_TOKEN or the hub's own log-in)";
    if (code === "GatedRepo") {
      const page = `${kind === "datasets" ? "datasets/" : ""}${name}`;
      return invalid(
        "AccessGated",
        `${uri}: request access on the hub's page of ${page}, then ${token} of that account; ${response}`,
      );
    }
    if (code === "RevisionNotFound") return invalid("RevisionMissing", `${uri}: ${name} has no revision ${revision}`);
    if (code === "EntryNotFound") return new MissingFileError(uri);
    if (status === 401 || status === 403 || code === "RepoNotFound") {
      return invalid(
        "AccessDenied",
        `${uri}: ${name} does not exist, or the token may not read it: ${token}; ${response}`,
      );
    }
    if (status === 404) return new MissingFileError(uri);
    return new StageFailure(exitCode.storeUnreachable, "StoreRefused", `${uri}: ${response}`);
  }

  async #api(pathAndQuery: string): Promise<URL> {
    const credentials = await this.#options.credentials.get();
    const { endpoint = credentials.get("HF_ENDPOINT") ?? "https://huggingface.co" } = this.#options;
    return new URL(`${endpoint.replace(/\/+$/, "")}${pathAndQuery}`);
  }
}

const pattern = /^hf:\/\/(datasets\/)?([^/@]+\/[^/@]+)(?:@([^/]+))?(?:\/(.*))?$/;

function repositoryOf(uri: string): Repository {
  const [, datasets, name, revision = "main", path = ""] = pattern.exec(uri) ?? [];
  if (name === undefined) throw invalid("InvalidUri", `${uri}: not of the form hf://ORGANISATION/MODEL`);
  return { kind: datasets ? "datasets" : "models", name, revision: decodeURIComponent(revision), path };
}

/** The URI of a repository at a revision; slashes in its name are escaped. */
export const atRevision = (uri: string, revision: string) => `${uri}@${encodeURIComponent(revision)}`;

const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");

function fileOf({ path, size, oid, lfs }: z.infer<typeof treeEntry>): HubFile {
  const digest = lfs && `sha256:${lfs.oid}`;
  return { path, bytes: size, version: lfs?.oid ?? oid, modifiedAt: 0, blob: oid, ...(digest && { digest }) };
}

/** The expected digest of a file's bytes: their SHA-256, or git's blob digest for a small file. */
function checkOf({ digest, blob, bytes }: HubFile): { hash: Hash; expected: string } {
  if (digest !== undefined) return { hash: createHash("sha256"), expected: digest.slice("sha256:".length) };
  const hash = createHash(blob.length === 64 ? "sha256" : "sha1");
  return { hash: hash.update(`blob ${bytes}\0`), expected: blob };
}

/** The next page's address, which must be on the hub because the token is sent there. */
function nextPage(uri: string, link: string | null, from: URL): URL | undefined {
  const target = /<([^>]+)>;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return undefined;
  const url = new URL(target, from);
  if (url.origin === from.origin) return url;
  throw strange(uri, `the next page of its list of files is at ${url.origin}`);
}

function redirected(uri: string, location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && from.protocol === "http:");
  if (url === undefined || !isSafe || url.username !== "")
    throw strange(uri, "it redirects to an unsafe address (with user information, or not over https)");
  return url;
}

const strange = (uri: string, what: string) =>
  new StageFailure(exitCode.storeUnreachable, "StoreUnsuitable", `${uri}: the server is not a compatible hub: ${what}`);

const readOnly = (uri: string) =>
  invalid("ReadOnlyStore", `${uri}: the hub is read-only here; write to pvc:// or s3://`);
