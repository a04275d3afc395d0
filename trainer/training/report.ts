/**
 * `report.json`: everything about a finished run, written last. A run with a report of its hash and the adapter it
 * names is finished.
 */
import { z } from "zod";
import { corrupt } from "../contract/failure.ts";
import { type ReportedSettings, reportedSettings, type TrainFigures, trainFigures } from "../contract/report.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { digestOf } from "../stores/digest.ts";
import { damageOf, readManifest } from "../stores/directory.ts";
import { jsonOf, sealed, unsealed } from "../stores/sealed.ts";
import type { Stores } from "../stores/stores.ts";
import { adapterManifest } from "../weights/adapter.ts";

const trainReport = z.looseObject({
  v: z.literal(1),
  kind: z.literal("train"),
  runHash: z.string(),
  figures: trainFigures,
  /** For people: absent where a release wrote them otherwise. */
  settings: reportedSettings.optional().catch(undefined),
});

export interface WrittenReport {
  figures: TrainFigures;
  digest: string;
}

export interface FinishedReport extends WrittenReport {
  settings: ReportedSettings | undefined;
}

/**
 * The report of a finished run; undefined when the run is not finished. Throws a failure when its adapter is missing or
 * damaged.
 */
export async function finishedReport(
  stores: Stores,
  run: string,
  runHash: string,
): Promise<FinishedReport | undefined> {
  const uri = storeLayout.report(run);
  if (!(await stores.of(uri).stat(uri))) return undefined;
  const bytes = await stores.of(uri).read(uri);
  const parsed = trainReport.safeParse(unsealed(jsonOf(bytes)));
  if (!parsed.success || parsed.data.runHash !== runHash) {
    throw corrupt("ReportInvalid", `${uri}: is not the report of this run, or was changed; remove it to train again`);
  }
  const adapter = await readManifest(stores, storeLayout.adapter(run), adapterManifest);
  if (!adapter || adapter.digest !== parsed.data.figures.adapterDigest) {
    throw corrupt(
      "AdapterMissing",
      `${storeLayout.adapter(run)}: the adapter that ${uri} names is missing; remove the report to train again`,
    );
  }
  const damage = await damageOf(stores, storeLayout.adapter(run), adapter.manifest.files);
  if (damage) throw corrupt("AdapterCorrupt", `${damage}; remove ${uri} to train again`);
  return { figures: parsed.data.figures, digest: digestOf(bytes), settings: parsed.data.settings };
}

/** Writes the report; `details` are for people and tools, `figures` are part of the contract. */
export async function writeReport(
  stores: Stores,
  run: string,
  figures: TrainFigures,
  details: Readonly<Record<string, unknown>>,
): Promise<WrittenReport> {
  const uri = storeLayout.report(run);
  const report = sealed({ v: 1, kind: "train", runHash: figures.runHash, figures, ...details });
  const bytes = Buffer.from(`${JSON.stringify(report, null, 1)}\n`);
  await stores.of(uri).write(uri, bytes);
  return { figures, digest: digestOf(bytes) };
}
