/** One example of a data set as the model will see it, with the tokens that it learns marked. */
import type { DatasetSettings } from "../trainer/contract/effective.ts";
import { type Codec, type Encoded, encodeExample, truncate } from "../trainer/data/encode.ts";
import { detectFormat, readExample } from "../trainer/data/example.ts";
import { isBlank, lines, parseLine } from "../trainer/data/jsonl.ts";
import type { Stores } from "../trainer/stores/stores.ts";

/** Around what is learnt; visible without colours too. */
export const marks = { open: "⟦", close: "⟧" } as const;

/** The first example of the first source; undefined when it has none. */
export async function readSample(stores: Stores, settings: DatasetSettings, codec: Codec): Promise<string | undefined> {
  const [source] = settings.sources;
  if (source === undefined) return undefined;
  for await (const line of lines(stores.of(source.uri).stream(source.uri), source.uri)) {
    if (isBlank(line)) continue;
    const row = parseLine(line);
    const example = readExample(row, source.format === "Auto" ? detectFormat(row) : source.format);
    const encoded = encodeExample(example, settings.trainOn, codec);
    const limit = settings.maxSequenceLength;
    return markTrained(encoded.tokens.length > limit ? truncate(encoded, limit) : encoded, (ids) => decode(ids, codec));
  }
  return undefined;
}

/** The tokenizer leaves special tokens out; the end of an answer is one that matters. */
function decode(ids: readonly number[], { tokenizer }: Codec): string {
  const ends = ids.at(-1) === tokenizer.eosId;
  return tokenizer.decode(ids) + (ends ? tokenizer.special.eosToken : "");
}

/** Text with the trained stretches between marks. Pure. */
export function markTrained({ tokens, trained }: Encoded, decodeTokens: (ids: readonly number[]) => string): string {
  let text = "";
  for (let start = 0; start < tokens.length; ) {
    let end = start + 1;
    while (end < tokens.length && trained[end] === trained[start]) end += 1;
    const piece = decodeTokens([...tokens.subarray(start, end)]);
    text += trained[start] === 1 ? `${marks.open}${piece}${marks.close}` : piece;
    start = end;
  }
  return text;
}
