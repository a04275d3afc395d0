/**
 * Finds the Secrets that a pod mounts for its stores. Pure; the operator reads no Secret. Pods mount only keys with a fixed
 * name, as files that follow a rotated Secret. Keys that a store requires are not optional, so that a pod waits for a
 * missing Secret and reports it.
 */
import { type Location, remoteScheme, secretKeys } from "../../trainer/contract/locations.ts";

export interface SecretMount {
  secret: string;
  required: readonly string[];
  optional: readonly string[];
}

/** One mount per Secret, with the keys of all its stores. */
export function secretMounts(locations: readonly Location[] = []): SecretMount[] {
  const schemes = new Map<string, Set<keyof typeof secretKeys>>();
  for (const { uri, secretRef } of locations) {
    const scheme = remoteScheme(uri);
    if (secretRef === undefined || scheme === undefined) continue;
    schemes.set(secretRef.name, (schemes.get(secretRef.name) ?? new Set()).add(scheme));
  }
  return [...schemes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([secret, set]) => ({
      secret,
      required: [...set].sort().flatMap((scheme) => [...secretKeys[scheme].required]),
      optional: [...set].sort().flatMap((scheme) => [...secretKeys[scheme].optional]),
    }));
}

/** Readable only by the trainer's group. */
const mode = 0o440;

export function secretVolume(name: string, { secret, required, optional }: SecretMount) {
  const source = (keys: readonly string[], isOptional: boolean) => ({
    secret: { name: secret, optional: isOptional, items: keys.map((key) => ({ key, path: key })) },
  });
  const sources = [source(required, false), ...optional.map((key) => source([key], true))];
  return { name, projected: { defaultMode: mode, sources } };
}
