/** Finds the PersistentVolumeClaims that a set of URIs needs. */

export interface ClaimMount {
  claim: string;
  readOnly: boolean;
}

/** The claim of `pvc://claim/path`; undefined for other URIs. */
export function claimOf(uri: string): string | undefined {
  return /^pvc:\/\/([^/]+)/.exec(uri)?.[1];
}

/** One mount per claim; the written claim is mounted read-write, even if the pod also reads from it. */
export function claimMounts(uris: { read: readonly string[]; write: string }): ClaimMount[] {
  const written = claimOf(uris.write);
  const read = new Set(uris.read.map(claimOf).filter((claim) => claim !== undefined && claim !== written));
  return [
    ...(written === undefined ? [] : [{ claim: written, readOnly: false }]),
    ...[...read].sort().map((claim) => ({ claim: claim!, readOnly: true })),
  ];
}
