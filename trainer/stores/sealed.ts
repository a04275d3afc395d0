/** JSON in stores: manifests and reports that carry a digest of themselves. */
import { digestOf } from "./digest.ts";

/** With a digest of itself: a manifest or a report whose bits are wrong is known by itself. */
export const sealed = (manifest: Readonly<Record<string, unknown>>) => ({ ...manifest, seal: sealOf(manifest) });

const sealOf = (manifest: object) => digestOf(Buffer.from(JSON.stringify(manifest)));

/** What was sealed, without its seal; undefined when that is not of these words. The previous release wrote none. */
export function unsealed(manifest: unknown): unknown {
  if (typeof manifest !== "object" || manifest === null || !("seal" in manifest)) return manifest;
  const { seal, ...rest } = manifest;
  return seal === sealOf(rest) ? rest : undefined;
}

/** The JSON value in `bytes`; undefined when they hold none. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
