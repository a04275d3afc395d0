/**
 * Names under `<artifacts.uri>/<namespace>`: one place, derived on both sides and never taken from a pod's words.
 *
 * Objects are content-addressed; a directory with a manifest (`manifest.json`, written last) exists when its manifest is
 * valid, and not before.
 */
import { createHash } from "node:crypto";
import type { ExportEntry } from "./exports.ts";
import { canonicalExport } from "./hashes.ts";

export const storeLayout = {
  root: (artifactsUri: string, namespace: string) => `${artifactsUri.replace(/\/+$/, "")}/${namespace}`,
  object: (root: string, sha256Hex: string) => `${root}/objects/${sha256Hex}`,
  /** What is being staged and has no digest yet. */
  incoming: (root: string, name: string) => `${root}/incoming/${name}`,
  /** Which objects hold the files of an input, by its URI. */
  staged: (root: string, uri: string) => `${root}/staged/${createHash("sha256").update(uri).digest("hex")}.json`,
  prepared: (root: string, prepareKey: string) => `${root}/prepared/${prepareKey}`,
  /** Which objects hold a base's quantised shards; `how` names the quantisation. */
  quantized: (root: string, baseSha256Hex: string, how: string) => `${root}/quantized/${baseSha256Hex}-${how}.json`,
  run: (root: string, runHash: string) => `${root}/runs/${runHash}`,
  /** What the run's inputs are: the objects that it needs. */
  pins: (run: string) => `${run}/pins.json`,
  checkpoints: (run: string) => `${run}/checkpoints`,
  adapter: (run: string) => `${run}/adapter`,
  /** The same settings share a directory; others of the same name, of another job with this run, have their own. */
  export: (run: string, entry: ExportEntry) => `${run}/exports/${entry.name}-${hashOf(entry)}`,
  metrics: (run: string) => `${run}/metrics.jsonl`,
  report: (run: string) => `${run}/report.json`,
} as const;

const hashOf = (entry: ExportEntry) => createHash("sha256").update(canonicalExport(entry)).digest("hex").slice(0, 8);
