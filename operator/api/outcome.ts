/** What a decision may say, declared beside the step that says it: docs/states.md is printed from it, and tests hold it. */
import type { Verdict } from "./conditions.ts";

export interface Outcome {
  verdict: Verdict;
  /** `status.state`. */
  state: string;
  /** Of the condition Ready; with a `*` at its head it is another's, and who says it follows. */
  reason: string;
  /** It goes on by itself as soon as a person has acted. */
  blocked?: true;
}

/** One check of a decision: when it applies, what it may then say, and the check itself. */
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

/** Reasons of these steps that call for nobody. Another's (a pod's, a trainer's) is none of them: something went wrong. */
export function calmReasons(...roads: readonly (readonly DeclaredStep<unknown>[])[]): ReadonlySet<string> {
  const outcomes = roads.flat().flatMap((step) => step.outcomes);
  const calm = outcomes
    .filter(({ verdict, blocked: waits, reason }) => verdict !== "Stalled" && !waits && !reason.startsWith("*"))
    .map(({ reason }) => reason);
  // Before any step: an object that is being deleted.
  return new Set([...calm, "Deleting"]);
}
