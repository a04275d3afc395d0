/**
 * A store holds files under URIs. There is one implementation per scheme; callers use URIs only (`storeLayout` makes
 * them).
 *
 * Invariants of every implementation: readers see the result of `write` and `commitDirectory` whole or not at all, and
 * it is durable when the promise resolves.
 */

/** The last file written to a directory. It names the others; without it the directory does not exist. */
export const manifestFile = "manifest.json";

/**
 * A file: its path relative to the listed directory, with `/`, its size, and a version that changes with its content.
 */
export interface Entry {
  path: string;
  bytes: number;
  version: string;
  /** In milliseconds since 1970; 0 when the store does not report it. */
  modifiedAt: number;
  /** `sha256:…`, if the store reports it without reading the file. */
  digest?: string;
}

export interface ByteRange {
  /** First byte. */
  start: number;
  /** One past the last byte. */
  end: number;
}

export type Content = Uint8Array | AsyncIterable<Uint8Array>;

export interface ListOptions {
  /** Includes incomplete files of killed writers. */
  unfinished?: boolean;
}

/** The content at a URI, whoever wrote it; `names` are the entries directly below it, or a page of them. */
export type Occupant =
  | { kind: "nothing" }
  | { kind: "file" }
  | { kind: "mountPoint" }
  | { kind: "directory"; names: readonly string[] };

/** Paths relative to a directory. */
export interface CommittedFiles {
  /** The files of the new directory, its manifest included. */
  files: readonly string[];
  /** The files of the replaced manifest; those not among `files` are removed. */
  replaced: readonly string[];
}

export interface Store {
  /** Size and version of the file at `uri`; undefined when it is missing. */
  stat(uri: string): Promise<Entry | undefined>;
  /** Reads a file, or a range of it. Throws `MissingFileError` when it is missing; a short range is an error. */
  read(uri: string, range?: ByteRange): Promise<Uint8Array>;
  /** A file's bytes in chunks. Throws `MissingFileError` when it is missing. */
  stream(uri: string): AsyncIterable<Uint8Array>;
  /**
   * Files below a directory, sorted by path; empty when the directory is missing. With `beginning`, only files whose
   * path begins with it; other paths are not read.
   */
  list(uri: string, beginning?: string, options?: ListOptions): Promise<Entry[]>;
  /** Writes a file, replacing an existing one. */
  write(uri: string, content: Content): Promise<void>;
  /** Creates a file; false when it exists. One of several concurrent callers succeeds. Only the name matters. */
  create(uri: string, content: Uint8Array): Promise<boolean>;
  /**
   * Moves the files of the directory `from` to `to`, the manifest last. In `to`, files with these names are replaced,
   * files of `replaced` are removed, and all others stay.
   */
  commitDirectory(from: string, to: string, committed: CommittedFiles): Promise<void>;
  /** Renames a file, replacing an existing one. */
  move(from: string, to: string): Promise<void>;
  /** Removes one file, never a directory; a missing file is no error. */
  remove(uri: string): Promise<void>;
  /**
   * Removes these files of a directory, this store's unfinished files in it, and the directory itself if it is then
   * empty. Files with other names stay.
   */
  removeFiles(uri: string, names: readonly string[]): Promise<void>;
  /** The content at `uri`; an empty directory counts as nothing. */
  occupant(uri: string): Promise<Occupant>;
  /**
   * The local path of the file, for mapping into memory; undefined when files of this store must be fetched
   * (`localCopy` does that). Throws `MissingFileError` when it is missing.
   */
  localFile(uri: string): Promise<string | undefined>;
}

export class MissingFileError extends Error {
  readonly uri: string;

  /** `near`: names beside it that are like its own. */
  constructor(uri: string, near: readonly string[] = []) {
    super(`${uri}: there is no such file${near.length > 0 ? `, but ${near.join(", ")}` : ""}`);
    this.name = "MissingFileError";
    this.uri = uri;
  }
}
