/**
 * A store holds files under URIs. One implementation a scheme; callers know URIs alone (`storeLayout` makes them).
 *
 * Invariants that every implementation keeps: what `write` and `commitDirectory` put in place is seen whole or not at all,
 * and what was written is durable when the promise resolves.
 */

/** The last file that a directory gets. It names the others, and without it there is no directory. */
export const manifestFile = "manifest.json";

/** A file: its path relative to what was listed, with `/`, its size, and a value that moves when its content may have. */
export interface Entry {
  path: string;
  bytes: number;
  version: string;
  /** In milliseconds since 1970; 0 where the store does not say. */
  modifiedAt: number;
  /** `sha256:…`, where the store says so before the file is read. */
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
  /** Also what killed writers left half-written. */
  unfinished?: boolean;
}

/** What stands at a URI, whoever wrote it; `names` are those directly below it, or a page of them. */
export type Occupant =
  | { kind: "nothing" }
  | { kind: "file" }
  | { kind: "mountPoint" }
  | { kind: "directory"; names: readonly string[] };

/** Paths relative to a directory. */
export interface CommittedFiles {
  /** What the directory gets, its manifest among them. */
  files: readonly string[];
  /** What a manifest of ours names that is replaced: what of it is not among `files` is removed. */
  replaced: readonly string[];
}

export interface Store {
  /** Size and version of the file at `uri`; undefined when there is none. */
  stat(uri: string): Promise<Entry | undefined>;
  /** All of a file, or a range of it. Throws `MissingFileError` when there is none; a short range is an error. */
  read(uri: string, range?: ByteRange): Promise<Uint8Array>;
  /** A file's bytes in chunks. Throws `MissingFileError` when there is none. */
  stream(uri: string): AsyncIterable<Uint8Array>;
  /**
   * Files below a directory, in order of their paths; none when there is no such directory. With `beginning`, of those
   * alone whose path begins with it: what lies beside them is not looked at.
   */
  list(uri: string, beginning?: string, options?: ListOptions): Promise<Entry[]>;
  /** Puts a file in place, replacing one that was there. */
  write(uri: string, content: Content): Promise<void>;
  /** Makes a file if there is none; false when there is one. Of several who try, one succeeds; its name is what counts. */
  create(uri: string, content: Uint8Array): Promise<boolean>;
  /**
   * Makes the files of the directory `from` appear as `to`, the manifest last. Of what is in `to` already, files with these
   * names are replaced and those of `replaced` are removed; all others are left alone.
   */
  commitDirectory(from: string, to: string, committed: CommittedFiles): Promise<void>;
  /** Gives a file another name, replacing one that was there. */
  move(from: string, to: string): Promise<void>;
  /** Removes one file, never a directory; a file that is not there is removed already. */
  remove(uri: string): Promise<void>;
  /**
   * Removes these files of a directory, unfinished files of this store in it, and the directory where nothing is left in
   * it. Files with other names stay.
   */
  removeFiles(uri: string, names: readonly string[]): Promise<void>;
  /** What stands at `uri`; empty directories are nothing. */
  occupant(uri: string): Promise<Occupant>;
  /**
   * The file on this machine that it is, for mapping into memory; undefined where files of this store have to be fetched
   * (`localCopy` does that). Throws `MissingFileError` when there is none.
   */
  localFile(uri: string): Promise<string | undefined>;
}

export class MissingFileError extends Error {
  readonly uri: string;

  constructor(uri: string) {
    super(`${uri}: there is no such file`);
    this.name = "MissingFileError";
    this.uri = uri;
  }
}
