/**
 * Variables that every trainer pod of this operator gets: the proxy and the certificates of its cluster's network. They
 * belong to the operator's configuration, so no hash contains them; the operator adds them when it creates a Job. Pure.
 */
import { z } from "zod";
import type { Job } from "./resources.ts";

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

/** Adds the variables to the containers of the Job's pods, sorted by name. */
export function withVariables(job: Job, given: PodVariables): Job {
  const env = Object.entries(given)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const { spec } = job;
  const pod = spec?.template.spec;
  if (env.length === 0 || spec === undefined || !pod) return job;
  const containers = pod.containers.map((container) => ({ ...container, env: [...(container.env ?? []), ...env] }));
  return { ...job, spec: { ...spec, template: { ...spec.template, spec: { ...pod, containers } } } };
}
