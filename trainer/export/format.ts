/**
 * An export format; each has its own file beside this one. `write` puts its files into a directory; `readBack` returns
 * the model in those files, so that the export stage can compare it with the trained one.
 */
import type { Codec } from "../data/encoding/codec.ts";
import type { DirectoryWriter, FileList } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import type { ExportSource } from "./source.ts";
import type { ModelToRun, WrittenType } from "./verify.ts";

export interface WriteContext {
  readonly stores: Stores;
  /** Called after each tensor. */
  readonly onTensor: (done: number, total: number) => void;
  /** Throws once the stage is to stop. */
  readonly throwIfStopped: () => void;
}

/** The model that a directory computes: the one in it, or the base with the adapter in it. */
export interface ReadBack {
  readonly model: ModelToRun;
  /** The tokenizer that belongs to it. */
  codec(): Promise<Codec>;
  /** Removes files that only the comparison needs. */
  close?(): Promise<void>;
}

export interface ExportFormat {
  /** Type of the written weights: verification allows for its rounding. */
  readonly dtype: WrittenType;
  /** Facts of the model card: the library that loads the files, and how they were made. */
  readonly library: "transformers" | "peft" | "gguf";
  /** The files hold an adapter, which needs the base beside it. */
  readonly isAdapter?: true;
  describe(source: ExportSource): string;
  write(writer: DirectoryWriter, source: ExportSource, context: WriteContext): Promise<void>;
  /** Every byte that is read is compared with the digests of `files`. */
  readBack(stores: Stores, uri: string, files: FileList, source: ExportSource): Promise<ReadBack>;
}
