/**
 * A store in a bucket of an S3-compatible store. Keys are the paths of the URIs; a directory is a prefix.
 *
 * An object appears whole with its last request. A directory is committed by copies within the store, its manifest
 * last: the manifest is the commit, and without it the directory does not exist. Exclusive creation uses
 * `If-None-Match: *`; one probe checks that the store honours it.
 */
import { exitCode } from "../contract/exitCodes.ts";
import { StageFailure } from "../contract/failure.ts";
import { Transient } from "./http.ts";
import { resumed } from "./resumed.ts";
import { type S3Options, S3Requests } from "./s3Requests.ts";
import { copy, put, upload } from "./s3Upload.ts";
import { element, elements } from "./s3Xml.ts";
import {
  type ByteRange,
  type CommittedFiles,
  type Content,
  type Entry,
  MissingFileError,
  manifestFile,
  type Occupant,
  type Store,
} from "./store.ts";

const requestsAtATime = 8;

export class S3Store implements Store {
  readonly #bucket: string;
  readonly #requests: S3Requests;
  #createsExclusively = false;

  constructor(options: S3Options) {
    this.#bucket = options.bucket;
    this.#requests = new S3Requests(options);
  }

  async stat(uri: string): Promise<Entry | undefined> {
    const key = keyOf(uri);
    if (key === "") return undefined;
    const { status, headers } = await this.#requests.call({ method: "HEAD", key }, [200, 404]);
    if (status === 404) return undefined;
    const [bytes, version] = [Number(headers.get("content-length")), headers.get("etag") ?? ""];
    return {
      path: key.slice(key.lastIndexOf("/") + 1),
      bytes,
      version,
      modifiedAt: timeOf(headers.get("last-modified")),
    };
  }

  async read(uri: string, range?: ByteRange): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#bytes(uri, range)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  stream(uri: string): AsyncIterable<Uint8Array> {
    return this.#bytes(uri, undefined);
  }

  async list(uri: string, beginning = ""): Promise<Entry[]> {
    const key = keyOf(uri);
    const directory = key === "" ? "" : `${key}/`;
    const prefix = `${directory}${beginning}`;
    const entries: Entry[] = [];
    let token: string | undefined;
    do {
      const query = { "list-type": "2", prefix, ...(token && { "continuation-token": token }) };
      const { text } = await this.#requests.call({ method: "GET", query }, [200]);
      for (const item of elements(text, "Contents")) entries.push(entryOf(item, directory));
      token = element(text, "NextContinuationToken");
    } while (token !== undefined);
    return entries.filter(({ path }) => path !== "" && !path.endsWith("/")).sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async write(uri: string, content: Content): Promise<void> {
    await upload(this.#requests, keyOf(uri), content);
  }

  async create(uri: string, content: Uint8Array): Promise<boolean> {
    const once = () => put(this.#requests, keyOf(uri), Buffer.from(content), { "if-none-match": "*" });
    if ((await once()) === 412) return false;
    if (!this.#createsExclusively && (await once()) !== 412) throw createsTwice(uri);
    this.#createsExclusively = true;
    return true;
  }

  async commitDirectory(from: string, to: string, { files, replaced }: CommittedFiles): Promise<void> {
    // Removing the manifest first makes the existing directory incomplete.
    await this.remove(`${to}/${manifestFile}`);
    const bytes = new Map((await this.list(from)).map((entry) => [entry.path, entry.bytes]));
    const place = (name: string) => this.#copy(`${from}/${name}`, bytes.get(name) ?? 0, `${to}/${name}`);
    const others = files.filter((name) => name !== manifestFile);
    await inTurns(others, place);
    const stale = replaced.filter((name) => !files.includes(name));
    await inTurns(stale, (name) => this.#delete(keyOf(`${to}/${name}`)));
    await place(manifestFile);
    await this.removeFiles(from, files);
  }

  async move(from: string, to: string): Promise<void> {
    const entry = await this.stat(from);
    if (!entry) throw new MissingFileError(from);
    await this.#copy(from, entry.bytes, to);
    await this.#delete(keyOf(from));
  }

  async remove(uri: string): Promise<void> {
    await this.#delete(keyOf(uri));
  }

  async removeFiles(uri: string, names: readonly string[]): Promise<void> {
    await inTurns(names, (name) => this.#delete(keyOf(`${uri}/${name}`)));
  }

  async occupant(uri: string): Promise<Occupant> {
    if (await this.stat(uri)) return { kind: "file" };
    const prefix = `${keyOf(uri)}/`;
    // One page, up to a thousand names, is enough.
    const query = { "list-type": "2", prefix, delimiter: "/" };
    const { text } = await this.#requests.call({ method: "GET", query }, [200]);
    const directories = elements(text, "CommonPrefixes").map((item) => element(item, "Prefix") ?? "");
    const files = elements(text, "Contents").map((item) => element(item, "Key") ?? "");
    const names = [...files, ...directories].map((key) => key.slice(prefix.length).replace(/\/$/, ""));
    const found = names.filter((name) => name !== "");
    return found.length === 0 ? { kind: "nothing" } : { kind: "directory", names: found };
  }

  async localFile(): Promise<undefined> {
    return undefined;
  }

  #bytes(uri: string, range: ByteRange | undefined): AsyncIterable<Uint8Array> {
    const key = keyOf(uri);
    return resumed({
      uri,
      range,
      patience: this.#requests.patience,
      get: async (headers) => {
        const answer = await this.#requests.open({ method: "GET", key, headers }, [200, 206, 404, 412, 416]);
        if (answer.status === 404) throw await this.#missing(uri, answer);
        return answer;
      },
    });
  }

  /** Some stores briefly answer 404 under load; a stat tells whether the file exists. */
  async #missing(uri: string, answer: { discard(): Promise<void> }): Promise<Error> {
    await answer.discard();
    return (await this.stat(uri)) ? new Transient("answered 404 for a file that exists") : new MissingFileError(uri);
  }

  async #copy(from: string, bytes: number, to: string): Promise<void> {
    await copy(this.#requests, { key: keyOf(from), bytes, bucket: this.#bucket }, keyOf(to));
  }

  async #delete(key: string): Promise<void> {
    await this.#requests.call({ method: "DELETE", key }, [200, 204, 404]);
  }
}

const keyOf = (uri: string) => uri.replace(/^s3:\/\/[^/]+\/?/, "").replace(/\/+$/, "");

function entryOf(xml: string, directory: string): Entry {
  const key = element(xml, "Key") ?? "";
  const text = (name: string) => element(xml, name) ?? "";
  return {
    path: key.slice(directory.length),
    bytes: Number(text("Size")),
    version: text("ETag"),
    modifiedAt: timeOf(text("LastModified")),
  };
}

const timeOf = (text: string | null) => Date.parse(text ?? "") || 0;

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(requestsAtATime, items.length) }, worker));
}

const createsTwice = (uri: string) =>
  new StageFailure(
    exitCode.invalid,
    "StoreUnsuitable",
    `${uri}: the store ignores If-None-Match: * and created the same object twice, so two trainings of one run could mix; use a store that honours it`,
  );
