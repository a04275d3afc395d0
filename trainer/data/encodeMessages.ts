/** What encoders.ts and its threads say to each other. */
import type { StageFailure } from "../failure.ts";
import type { CodecTexts } from "./codec.ts";
import type { EncodeOptions } from "./encode.ts";
import type { EncodedBatch } from "./encodeBatch.ts";
import type { RowBatch } from "./rowBatch.ts";

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
