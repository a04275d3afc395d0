/**
 * The conditions that state facts about the wanted settings: InputsResolved, Fits, LastRunSucceeded. Pure. They derive from
 * the status that is about to be written, so none can describe outdated settings after an edit. The first reconcile writes
 * all of them.
 */
import { counted } from "../../trainer/contract/counted.ts";
import { inputNotes, type NotedInputs } from "../../trainer/contract/inputNotes.ts";
import { type Condition, cut, longest } from "../api/common.ts";
import { type ConditionUpdate, findCondition } from "../api/conditions.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import { dataChecked } from "./checkCondition.ts";
import { prepareName } from "./children.ts";
import { fitMessage, planKey } from "./fit.ts";
import { currentPins } from "./pins.ts";
import type { World } from "./world.ts";

export function facts(world: World, status: FineTuneJobStatus): ConditionUpdate[] {
  const checked = "issue" in world.wanted ? [] : dataChecked(world.wanted, status);
  return [inputsResolved(world, status), fits(world, status), lastRunSucceeded(status.conditions), ...checked];
}

/** The wanted settings once `status` is written: a request that it already handled no longer counts. */
function settled<T extends { request: string | undefined }>({ job }: World, wanted: T, status: FineTuneJobStatus): T {
  const { request } = wanted;
  const isRead = job.status?.dataCheck?.pending !== undefined && status.dataCheck?.pending === undefined;
  return request === status.handledRequest || isRead ? { ...wanted, request: undefined } : wanted;
}

/** The status, without its plan if that is of other settings. */
export function withoutStalePlan(world: World, status: FineTuneJobStatus): FineTuneJobStatus {
  const { job, wanted, memory } = world;
  const { plan, ...rest } = status;
  if (plan === undefined || "issue" in wanted) return status;
  const known = currentPins({ ...job, status }, settled(world, wanted, status));
  return known && plan.key === planKey(wanted.spec, known.pins, memory) ? status : rest;
}

function inputsResolved(world: World, status: FineTuneJobStatus): ConditionUpdate {
  const { job, wanted } = world;
  const type = "InputsResolved";
  if ("issue" in wanted) return unknown(type, "InvalidSpec", "The spec cannot be read.");
  const { prepare } = status;
  const known = currentPins({ ...job, status }, settled(world, wanted, status));
  if (known) return { type, status: "True", reason: "Pinned", message: inputsMessage(known.inputs) };
  if (prepare?.outcome === "Failed" && prepare.jobName === prepareName(job, wanted)) {
    const { reason = "PrepareFailed", message = "" } = prepare;
    return { type, status: "False", reason, message };
  }
  return unknown(type, "NotResolved", "The inputs of these settings are not read yet.");
}

export function inputsMessage({ dataset, model }: NotedInputs): string {
  const { examples, tokens, rows } = dataset;
  return cut(
    [
      `${counted(examples, "example")}, ${counted(tokens, "token")} in ${counted(rows, "row")}.`,
      ...inputNotes({ dataset, model }),
    ].join(" "),
    longest.message,
  );
}

function fits({ plan: asked, run }: World, { plan }: FineTuneJobStatus): ConditionUpdate {
  const type = "Fits";
  const trained = asked === undefined || findCondition(run?.status?.conditions, "Succeeded")?.status === "True";
  if (plan?.fits === false && trained) {
    const message = `It was trained with another limit. With the present limit: ${fitMessage(plan)}`;
    return { type, status: "True", reason: "Trained", message };
  }
  if (asked?.kind === "failed") return unknown(type, "PlanFailed", asked.message);
  if (plan === undefined) return unknown(type, "NotPlanned", "These settings are not planned yet.");
  const message = fitMessage(plan);
  if (plan.availableBytes === undefined) return unknown(type, "NoNodeKnown", message);
  return plan.fits
    ? { type, status: "True", reason: "Fits", message }
    : { type, status: "False", reason: "DoesNotFit", message };
}

/** The result of the run that ended last; the step that observes an end sets it. */
function lastRunSucceeded(conditions: readonly Condition[] | undefined): ConditionUpdate {
  const before = findCondition(conditions, "LastRunSucceeded");
  return before ?? unknown("LastRunSucceeded", "NoRunEnded", "No run of this FineTuneJob has ended.");
}

const unknown = (type: string, reason: string, message: string): ConditionUpdate => ({
  type,
  status: "Unknown",
  reason,
  message,
});
