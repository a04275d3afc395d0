/**
 * Loads a tokenizer in another process and encodes a short text there, before this process loads it: the library is native code
 * and ends its process where it meets damage that it does not expect, such as a Precompiled normalizer without its table.
 *
 * Data are encoded in such processes anyway, so a trial is needed only for a tokenizer that this process loads before it reads data.
 */
import { batchOf, type RowBatch } from "../rows/rowBatch.ts";
import type { CodecTexts } from "./codec.ts";
import { Encoders } from "./encoders.ts";

const text = "The quick brown fox, in 2024:\n\tjumps  over é, ﬁ, 狐 and 🦊.";

/** A batch that belongs to no file. */
export const trialBatch: RowBatch = batchOf([{ line: 0, bytes: Buffer.from(JSON.stringify({ text })) }], {
  format: "Text",
  columns: {},
});

/** Throws a failure that names tokenizer.json if it cannot be used. The model's templates are not tried. */
export async function tryTokenizer(texts: CodecTexts): Promise<void> {
  const options = { trainOn: "All", truncation: "End", textOverlap: 1, maxTokens: 256 } as const;
  const encoders = new Encoders({ ...texts, templates: { default: "" } }, options, 1);
  try {
    await encoders.encode(trialBatch);
  } finally {
    await encoders.close();
  }
}
