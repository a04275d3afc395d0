/**
 * Names under `<artifacts.uri>/<namespace>`. The operator and the trainer both derive them here; the operator never
 * takes a name from a pod's report.
 *
 * Objects are content-addressed. A directory with a manifest (`manifest.json`, written last) exists only once its
 * manifest is valid.
 */
import { createHash } from "node:crypto";
import type { ExportEntry } from "./exports.ts";
import { canonicalExport } from "./hashes.ts";

export const storeLayout = {
  root: (artifactsUri: string, namespace: string) => `${artifactsUri.replace(/\/+$/, "")}/${namespace}`,
  object: (root: string, sha256Hex: string) => `${root}/objects/${sha256Hex}`,
  /** Data that is being staged and has no digest yet. */
  incoming: (root: string, name: string) => `${root}/incoming/${name}`,
  /** Lists the objects that hold the files of an input, by the input's URI. */
  staged: (root: string, uri: string) => `${root}/staged/${createHash("sha256").update(uri).digest("hex")}.json`,
  prepared: (root: string, prepareKey: string) => `${root}/prepared/${prepareKey}`,
  /** Lists the objects that hold a base's quantised shards; `how` names the quantisation. */
  quantized: (root: string, baseSha256Hex: string, how: string) => `${root}/quantized/${baseSha256Hex}-${how}.json`,
  run: (root: string, runHash: string) => `${root}/runs/${runHash}`,
  /** The exports of an adapter that was trained elsewhere. */
  imported: (root: string, importHash: string) => `${root}/imports/${importHash}`,
  /** The run's pinned inputs: the objects that it needs. */
  pins: (run: string) => `${run}/pins.json`,
  checkpoints: (run: string) => `${run}/checkpoints`,
  adapter: (run: string) => `${run}/adapter`,
  /** Exports with the same settings share a directory; a different export with the same name has its own. */
  export: (run: string, entry: ExportEntry) => `${run}/exports/${entry.name}-${hashOf(entry)}`,
  metrics: (run: string) => `${run}/metrics.jsonl`,
  /** The same curve for TensorBoard, which recognises its files by their names. */
  events: (run: string) => `${run}/events.out.tfevents.0.luthier`,
  report: (run: string) => `${run}/report.json`,
} as const;

const hashOf = (entry: ExportEntry) => createHash("sha256").update(canonicalExport(entry)).digest("hex").slice(0, 8);
