/** Examples of a data set as the model will see them, with the learnt tokens marked. */

import { styled } from "../terminal/screen.ts";
import type { DatasetSettings } from "../trainer/contract/effective.ts";
import type { Codec } from "../trainer/data/encoding/codec.ts";
import { type Encoded, encodeExample } from "../trainer/data/encoding/encode.ts";
import type { AnswerRole } from "../trainer/data/encoding/pieces.ts";
import { ColumnsSeen } from "../trainer/data/rows/columnsSeen.ts";
import { RowError } from "../trainer/data/rows/example.ts";
import { readBatch } from "../trainer/data/rows/rowBatch.ts";
import type { DatasetFile } from "../trainer/stages/dataFiles.ts";
import { encodingOf } from "../trainer/stages/readDataset.ts";
import { readSource } from "../trainer/stages/readSource.ts";
import type { Stores } from "../trainer/stores/stores.ts";

/** A stretch of text that is either learnt completely or not at all. */
export interface Stretch {
  readonly text: string;
  readonly trained: boolean;
}

export interface Sample {
  readonly uri: string;
  readonly line: number;
  /** One, or more if the template renders earlier turns differently once more turns follow; of a preference its answers. */
  readonly sequences: readonly (readonly Stretch[])[];
  /** The part of each sequence in a preference; empty for other examples. */
  readonly roles: readonly AnswerRole[];
}

/** Mark the learnt text; visible without colours too. */
const marks = { open: "⟦", close: "⟧" } as const;

/** The first usable examples of the sources. */
export async function readSamples(
  stores: Stores,
  { settings, files }: { settings: DatasetSettings; files: readonly DatasetFile[] },
  codec: Codec,
  count: number,
  signal: AbortSignal,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const options = encodingOf(settings);
  const display = (ids: readonly number[]) => codec.tokenizer.display(ids);
  for (const file of files.filter(({ use }) => use.split === "train")) {
    if (samples.length === count) break;
    const { uri } = file;
    for await (const { batch } of readSource(file, stores, signal, settings.form)) {
      if (batch === undefined) continue;
      const { made: examples } = readBatch(batch, new ColumnsSeen(), (example, line) => ({ example, line }));
      for (const { example, line } of examples) {
        if (samples.length === count) break;
        const encoded = await encodeExample(example, options, codec).catch(unusable);
        if (!encoded) continue;
        const sequences = encoded.sequences.map((one) => stretchesOf(one, display));
        samples.push({ uri, line, sequences, roles: encoded.sequences.flatMap(({ role }) => role ?? []) });
      }
      if (samples.length === count) break;
    }
  }
  return samples;
}

/** Skips unusable rows, which the report counts. */
function unusable(error: unknown): undefined {
  if (!(error instanceof RowError)) throw error;
}

/** Pure. */
export function stretchesOf(
  { tokens, trained }: Pick<Encoded, "tokens" | "trained">,
  decode: (ids: readonly number[]) => string,
): Stretch[] {
  const stretches: Stretch[] = [];
  for (let start = 0; start < tokens.length; ) {
    let end = start + 1;
    while (end < tokens.length && trained[end] === trained[start]) end += 1;
    stretches.push({ text: decode([...tokens.subarray(start, end)]), trained: trained[start] === 1 });
    start = end;
  }
  return stretches;
}

/** Puts learnt text between marks, and in colour if standard output supports it. */
export function markTrained(stretches: readonly Stretch[]): string {
  const colour = (text: string) => styled("green", text, process.stdout);
  const marked = ({ text, trained }: Stretch) =>
    // Line by line, because a colour must end with its line.
    trained ? `${marks.open}${text.split("\n").map(colour).join("\n")}${marks.close}` : text;
  return stretches.map(marked).join("");
}

/** Longest text of a sample on a screen. */
const shownCharacters = 2000;

export function sampleLines(samples: readonly Sample[]): string[] {
  return samples.flatMap(({ sequences, roles, uri, line }) => [
    "",
    `${nameOf(uri)}:${line}${sequences.length > 1 && roles.length === 0 ? `, learnt as ${sequences.length} sequences` : ""}; the learnt part is between ⟦ and ⟧`,
    ...sequences.flatMap((stretches, index) => [
      ...(roles[index] ? [`  ${roles[index]}:`] : index > 0 ? ["  ·"] : []),
      ...markTrained(shortened(stretches))
        .split("\n")
        .map((text) => `  ${text}`),
    ]),
  ]);
}

const nameOf = (uri: string) => uri.slice(uri.lastIndexOf("/") + 1);

/** Cuts the middle out of long stretches. */
function shortened(stretches: readonly Stretch[]): Stretch[] {
  const share = Math.max(80, Math.floor(shownCharacters / stretches.length));
  return stretches.map(({ text, trained }) => ({
    trained,
    text: text.length <= share ? text : `${text.slice(0, share / 2)} … ${text.slice(-share / 2)}`,
  }));
}
