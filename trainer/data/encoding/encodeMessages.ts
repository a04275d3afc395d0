/** The messages between encoders.ts and its processes. */
import type { StageFailure } from "../../contract/failure.ts";
import type { RowBatch } from "../rows/rowBatch.ts";
import type { CodecTexts } from "./codec.ts";
import type { EncodeOptions } from "./encode.ts";
import type { EncodedBatch } from "./encodeBatch.ts";

/** The first message to a process. */
export interface EncodeStart {
  texts: CodecTexts;
  options: EncodeOptions;
}

/** Every further message to it. */
export interface EncodeTask {
  id: number;
  batch: RowBatch;
}

export type EncodeReply = { id: number } & (
  | { encoded: EncodedBatch }
  | { failure: { code: StageFailure["code"]; reason: string; message: string } }
);
