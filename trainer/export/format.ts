/**
 * An export format; each has its own file beside this one. `write` puts its files into a directory; `readBack` returns
 * the model in those files, so that the export stage can compare it with the trained one.
 */
import type { DirectoryWriter, FileList } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import type { StoredModel } from "../weights/storedModel.ts";
import type { ExportSource } from "./source.ts";

export interface WriteContext {
  /** Called after each tensor. */
  readonly onTensor: (done: number, total: number) => void;
  /** Throws once the stage is to stop. */
  readonly throwIfStopped: () => void;
}

export interface ExportFormat {
  /** Type of the written weights: verification allows for its rounding. */
  readonly dtype: "F32" | "BF16";
  write(writer: DirectoryWriter, source: ExportSource, context: WriteContext): Promise<void>;
  /** Every byte that is read is compared with the digests of `files`. */
  readBack(stores: Stores, uri: string, files: FileList): Promise<StoredModel>;
}
