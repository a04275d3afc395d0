/** Lists how the trainer's containers ended. Pure. Containers that a mesh or a log collector adds do not count. */
import { exitCode as codes } from "../../trainer/contract/exitCodes.ts";
import { containerName } from "./render.ts";
import type { Pod } from "./resources.ts";

export interface Terminated {
  exitCode: number;
  reason: string;
  message: string;
  finishedAt: string;
  /**
   * The pod was drained, preempted, evicted or stopped on request; neither the operator nor the Job counts that as a
   * failure.
   */
  stopped: boolean;
}

/** Sorted, latest first. */
export function terminations(pods: readonly Pod[]): Terminated[] {
  return pods
    .flatMap((pod) => {
      const ended = pod.status?.containerStatuses?.find(({ name }) => name === containerName)?.state?.terminated;
      return ended === undefined ? [] : [{ ...ended, stopped: isStop(ended.exitCode) || isDisrupted(pod) }];
    })
    .map(({ exitCode, reason = "", message = "", finishedAt = "", stopped }) => ({
      exitCode,
      reason,
      message,
      finishedAt,
      stopped,
    }))
    .sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1));
}

const isStop = (code: number) => code === codes.stopped || code === codes.peerLost;

const isDisrupted = ({ status }: Pod) =>
  status?.conditions?.some(({ type, status: is }) => type === "DisruptionTarget" && is === "True") === true;
