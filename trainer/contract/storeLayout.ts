/**
 * Names under `<artifacts.uri>/<namespace>`: one place, derived on both sides and never taken from a pod's words.
 *
 * Objects are content-addressed; a directory with a manifest (`manifest.json`, written last) exists when its manifest is
 * valid, and not before.
 */
export const storeLayout = {
  root: (artifactsUri: string, namespace: string) => `${artifactsUri.replace(/\/+$/, "")}/${namespace}`,
  object: (root: string, sha256Hex: string) => `${root}/objects/${sha256Hex}`,
  prepared: (root: string, prepareKey: string) => `${root}/prepared/${prepareKey}`,
  run: (root: string, runHash: string) => `${root}/runs/${runHash}`,
  checkpoints: (run: string) => `${run}/checkpoints`,
  adapter: (run: string) => `${run}/adapter`,
  export: (run: string, name: string) => `${run}/exports/${name}`,
  metrics: (run: string) => `${run}/metrics.jsonl`,
  report: (run: string) => `${run}/report.json`,
} as const;
