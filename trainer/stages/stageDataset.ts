/**
 * Turns the sources of a data set into packed objects of the store. Tokens stay on disk until their places in the rows
 * are known, so memory depends on the number of examples, not on their text.
 */

import { createHash } from "node:crypto";
import type { DatasetSettings } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { PrepareFigures } from "../contract/report.ts";
import type { DatasetManifest } from "../data/packed/manifests.ts";
import { countTrained, PackedObject, type Sequences } from "../data/packed/packedDataset.ts";
import { type PackingSettings, rowsFor } from "../data/packed/packing.ts";
import { Spool } from "../data/packed/spool.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import { type ReadCounts, type ReadDatasetOptions, readDataset } from "./readDataset.ts";
import type { FileColumns } from "./readSource.ts";
import type { UnusableRows } from "./unusableRows.ts";

export interface StageDatasetOptions extends ReadDatasetOptions {
  objects: Objects;
  /** Receives the number of packed and written examples, and the total. */
  onStaging: (done: number, total: number) => void;
}

export interface StagedDataset {
  manifest: DatasetManifest;
  /** Digest of the content of the held-out sequences; their files and their packing do not change it. */
  validationDigest: string | undefined;
  objects: StagedObject[];
  counts: Pick<PrepareFigures["dataset"], "tokens" | "trainedTokens" | "rows"> & ReadCounts;
  unusable: UnusableRows;
  files: readonly FileColumns[];
}

export async function stageDataset(options: StageDatasetOptions): Promise<StagedDataset> {
  const of = { hasRoles: options.settings.form !== "Examples" };
  const spools = { train: new Spool(of), validation: new Spool(of) };
  try {
    return await stage(options, spools);
  } finally {
    spools.train.close();
    spools.validation.close();
  }
}

async function stage(
  options: StageDatasetOptions,
  { train, validation }: { train: Spool; validation: Spool },
): Promise<StagedDataset> {
  const { settings } = options;
  let trainedTokens = 0;
  const { counts, unusable, files } = await readDataset(
    options,
    ({ split, source, line, copies, sequences, roles }) => {
      for (const [index, words] of sequences.entries()) {
        (split === "train" ? train : validation).add(words, source, line, copies, roles[index]);
        if (split === "train") trainedTokens += copies * countTrained(words);
      }
    },
  );
  if (counts.examples === 0) throw unusable.noExamples("the sources hold", "train on");
  if (settings.validation.kind !== "none" && validation.count === 0) {
    throw invalid("NoExamples", "no example was held out for validation: raise dataset.validation.fraction");
  }
  const total = counts.examples + counts.validationExamples;
  options.onStaging(0, total);
  const packed = await put(train.sequences(), options);
  options.onStaging(counts.examples, total);
  const held = validation.count === 0 ? undefined : await put(validation.sequences(), options);
  options.onStaging(total, total);
  return {
    manifest: {
      kind: "dataset",
      version: 1,
      train: packed.object,
      ...(held && { validation: held.object }),
      sources: options.files.map(({ uri }) => uri),
    },
    validationDigest: held && digestOf(validation.sequences()),
    objects: [packed.object, ...(held ? [held.object] : [])],
    counts: { ...counts, tokens: packed.tokens, trainedTokens, rows: packed.rows },
    unusable,
    files,
  };
}

/** Two trainings with the same digest and loss have comparable validation losses (`validationLossDigest`). */
function digestOf({ lengths, roles, read }: Sequences): string {
  const hash = createHash("sha256");
  for (const [index, length] of lengths.entries()) {
    const words = new Uint32Array(length);
    read(index, words);
    hash.update(Uint32Array.of(length)).update(words);
  }
  if (roles) hash.update(roles);
  return `sha256:${hash.digest("hex")}`;
}

/** How the settings pack a data set. */
export const packingOf = ({ maxSequenceLength, packing, form }: DatasetSettings): PackingSettings => ({
  capacity: maxSequenceLength,
  packing,
  paired: form === "Pairs",
});

/** Packs sequences into rows of the length in the settings, and stages them. */
async function put(sequences: Sequences, { settings, objects }: StageDatasetOptions) {
  const { lengths } = sequences;
  const rows = rowsFor(lengths, packingOf(settings));
  return {
    object: await objects.putStream(new PackedObject(sequences, rows, settings.maxSequenceLength)),
    rows: rows.starts.length - 1,
    tokens: lengths.reduce((total, length) => total + length, 0),
  };
}
