/** What encoders.ts and its threads say to each other. */
import type { StageFailure } from "../../contract/failure.ts";
import type { RowBatch } from "../rows/rowBatch.ts";
import type { CodecTexts } from "./codec.ts";
import type { EncodeOptions } from "./encode.ts";
import type { EncodedBatch } from "./encodeBatch.ts";

export interface EncodeTask {
  id: number;
  batch: RowBatch;
}

export type EncodeReply = { id: number } & (
  | { encoded: EncodedBatch }
  | { failure: { code: StageFailure["code"]; reason: string; message: string } }
);

export interface EncodeThreadData {
  texts: CodecTexts;
  options: EncodeOptions;
}
