/**
 * A store holds files under URIs. One implementation a scheme; callers know URIs alone (`storeLayout` makes them).
 *
 * Invariants that every implementation keeps: what `write` and `commitDirectory` put in place is seen whole or not at all,
 * and what was written is durable when the promise resolves.
 */

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
  /** Makes the directory `from` appear whole as `to`, replacing one that was there. */
  commitDirectory(from: string, to: string): Promise<void>;
  /** Gives a file another name, replacing one that was there. */
  move(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all below it; content that is not there is removed already. */
  remove(uri: string): Promise<void>;
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
