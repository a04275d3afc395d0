/** A state that a step may report, declared beside the step. docs/states.md is generated from it; tests check it. */
import type { Verdict } from "./conditions.ts";

export interface Outcome {
  verdict: Verdict;
  /** `status.state`. */
  state: string;
  /** Reason of the condition Ready. A leading `*` marks a reason that comes from elsewhere, followed by its source. */
  reason: string;
  /** The operator continues as soon as a person has acted. */
  blocked?: true;
}

/** One check of a decision: when it applies, the states that it may report, and the function. */
export interface DeclaredStep<Step> {
  name: string;
  when: string;
  outcomes: readonly Outcome[];
  step: Step;
}

const outcome =
  (verdict: Verdict) =>
  (state: string, reason: string): Outcome => ({ verdict, state, reason });

export const ready = outcome("Ready");
export const reconciling = outcome("Reconciling");
export const blocked = (state: string, reason: string): Outcome => ({ ...reconciling(state, reason), blocked: true });
export const stalled = outcome("Stalled");
export const waiting = outcome("Waiting");

/** Reasons of these steps that need no action. Reasons from elsewhere (a pod, a trainer) always report a problem. */
export function calmReasons(...roads: readonly (readonly DeclaredStep<unknown>[])[]): ReadonlySet<string> {
  const outcomes = roads.flat().flatMap((step) => step.outcomes);
  const calm = outcomes
    .filter(({ verdict, blocked: waits, reason }) => verdict !== "Stalled" && !waits && !reason.startsWith("*"))
    .map(({ reason }) => reason);
  // Checked before all steps: an object that is being deleted.
  return new Set([...calm, "Deleting"]);
}
