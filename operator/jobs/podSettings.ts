/**
 * Settings of every trainer pod of this operator: the proxy and the certificates of its cluster's network, as variables, and
 * the user that it runs as. They belong to the operator's configuration, so the run hash does not contain them; a rendered
 * Job does. Pure.
 */
import { z } from "zod";
import type { ResolvedPlacement } from "../api/common.ts";

export type PodVariables = Readonly<Record<string, string>>;

export interface PodSettings {
  variables: PodVariables;
  /** uid, gid and fsGroup; undefined: the cluster chooses them (OpenShift). */
  user: number | undefined;
}

const variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());

/** Parses a JSON object of strings; undefined for any other text. */
export function parseVariables(text: string): PodVariables | undefined {
  try {
    return variables.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The container's `env`, sorted by name; without variables none. The operator's variables win over those of `placement`. */
export function environmentOf(
  { variables }: PodSettings,
  own: ResolvedPlacement["env"] = [],
): { env?: { name: string; value: string }[] } {
  const env = Object.entries({ ...Object.fromEntries(own.map(({ name, value }) => [name, value])), ...variables })
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return env.length === 0 ? {} : { env };
}

/** Without a user Kubernetes still checks that the user of the image, or the one that the cluster chose, is not root. */
export function securityContextOf({ user }: PodSettings) {
  return {
    runAsNonRoot: true,
    ...(user === undefined
      ? {}
      : { runAsUser: user, runAsGroup: user, fsGroup: user, fsGroupChangePolicy: "OnRootMismatch" }),
    seccompProfile: { type: "RuntimeDefault" },
  };
}
