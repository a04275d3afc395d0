/** Checks decisions against the declarations of their steps: a step reports only declared outcomes, and tests reach each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition, ProgressStatus } from "../api/common.ts";
import { findCondition, type Verdict } from "../api/conditions.ts";
import type { DeclaredStep, Outcome } from "../api/outcome.ts";

interface Said {
  status: { state?: string | undefined; conditions?: Condition[] | undefined };
}

const text = ({ verdict, state, reason }: Outcome) => `${verdict} ${state} ${reason}`;

/** The declared outcome that a decision matches. */
export function outcomeOf({ outcomes, name }: DeclaredStep<unknown>, { status }: Said): Outcome {
  const { state = "", conditions } = status;
  const reason = findCondition(conditions, "Ready")?.reason ?? "";
  const is = (declared: string, reported: string) => declared === reported || declared.startsWith("*");
  const fits = (one: Outcome) =>
    one.verdict === verdictOf(conditions) && is(one.state, state) && is(one.reason, reason);
  const found = outcomes.find((one) => fits(one) && one.reason === reason) ?? outcomes.find(fits);
  assert.ok(found, `${name} does not declare ${verdictOf(conditions)} ${state} ${reason}`);
  return found;
}

function verdictOf(conditions: Condition[] | undefined): Verdict {
  const is = (type: string) => findCondition(conditions, type)?.status === "True";
  if (is("Ready")) return "Ready";
  return is("Stalled") ? "Stalled" : is("Reconciling") ? "Reconciling" : "Waiting";
}

/** One test for each declared outcome of a road: that step decides the given world, with that outcome. */
export function roadTests<World>(
  road: readonly DeclaredStep<unknown>[],
  worlds: Readonly<Record<string, readonly World[]>>,
  decideBy: (world: World) => { by: DeclaredStep<unknown>; decision: Said },
): void {
  for (const step of road) {
    test(`${step.name} reports only declared outcomes, and the tests reach every declared one`, () => {
      const reached = (worlds[step.name] ?? []).map((world) => {
        const { by, decision } = decideBy(world);
        assert.equal(by.name, step.name);
        return text(outcomeOf(by, decision));
      });
      assert.deepEqual([...new Set(reached)].sort(), step.outcomes.map(text).sort());
    });
  }
}

const moving = {
  ...{ phase: "Training", steps: "5/60", loss: "1.5", tokensPerSecond: "100" },
  estimatedCompletionTime: "2026-01-02T04:00:00Z",
  updatedAt: "2026-01-02T03:04:00Z",
};

/** Checks that only a running training reports phase, speed and time of completion. */
export function restTests<World>(
  worlds: Readonly<Record<string, readonly World[]>>,
  decideBy: (
    world: World,
    progress: ProgressStatus,
  ) => { decision: { status: { state?: string | undefined; progress?: ProgressStatus | undefined } } },
): void {
  for (const [name, those] of Object.entries(worlds)) {
    test(`${name} reports phase, speed and time of completion only in state Training`, () => {
      for (const world of those) {
        const { state, progress } = decideBy(world, moving).decision.status;
        const { phase, tokensPerSecond, estimatedCompletionTime, steps } = progress ?? {};
        const reported = [phase, tokensPerSecond, estimatedCompletionTime].filter((one) => one !== undefined).length;
        assert.equal(reported, state === "Training" ? 3 : 0, state);
        assert.equal(steps === undefined, progress === undefined);
      }
    });
  }
}
