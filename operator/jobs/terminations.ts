/** How the trainer's own containers ended. Pure. What else a mesh or a log collector puts into a pod does not speak for it. */
import { containerName } from "./render.ts";
import type { Pod } from "./resources.ts";

export interface Terminated {
  exitCode: number;
  reason: string;
  message: string;
  finishedAt: string;
}

/** The latest first. */
export function terminations(pods: readonly Pod[]): Terminated[] {
  return pods
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .filter(({ name }) => name === containerName)
    .flatMap(({ state }) => (state?.terminated ? [state.terminated] : []))
    .map(({ exitCode, reason, message, finishedAt }) => ({
      exitCode,
      reason: reason ?? "",
      message: message ?? "",
      finishedAt: finishedAt ?? "",
    }))
    .sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1));
}
