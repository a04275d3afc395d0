/**
 * Variables that every trainer pod of this operator gets: the proxy and the certificates of its cluster's network. They
 * belong to the operator's configuration, so the run hash does not contain them; a rendered Job does. Pure.
 */
import { z } from "zod";

export type PodVariables = Readonly<Record<string, string>>;

const variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());

/** Parses a JSON object of strings; undefined for any other text. */
export function parseVariables(text: string): PodVariables | undefined {
  try {
    return variables.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The container's `env`, sorted by name; without variables none. */
export function environmentOf(variables: PodVariables): { env?: { name: string; value: string }[] } {
  const env = Object.entries(variables)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return env.length === 0 ? {} : { env };
}
