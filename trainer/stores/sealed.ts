/** JSON in stores: manifests and reports that carry a digest of themselves. */
import { digestOf } from "./digest.ts";

/** Adds a digest of the value itself, so that a damaged manifest or report is detected. */
export const sealed = (manifest: Readonly<Record<string, unknown>>) => ({ ...manifest, seal: sealOf(manifest) });

const sealOf = (manifest: object) => digestOf(Buffer.from(JSON.stringify(manifest)));

/** The sealed value without its seal; undefined when the seal does not match. The previous release wrote no seal. */
export function unsealed(manifest: unknown): unknown {
  if (typeof manifest !== "object" || manifest === null || !("seal" in manifest)) return manifest;
  const { seal, ...rest } = manifest;
  return seal === sealOf(rest) ? rest : undefined;
}

/** The JSON value in `bytes`; undefined when they are not JSON. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
