/** Holds decisions to what their steps declare: a step says only what it declares, and each declared outcome is reached. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition } from "../api/common.ts";
import { findCondition, type Verdict } from "../api/conditions.ts";
import type { DeclaredStep, Outcome } from "../api/outcome.ts";

interface Said {
  status: { state?: string | undefined; conditions?: Condition[] | undefined };
}

const text = ({ verdict, state, reason }: Outcome) => `${verdict} ${state} ${reason}`;

/** The declared outcome that a decision is. */
export function outcomeOf({ outcomes, name }: DeclaredStep<unknown>, { status }: Said): Outcome {
  const { state = "", conditions } = status;
  const reason = findCondition(conditions, "Ready")?.reason ?? "";
  const is = (declared: string, said: string) => declared === said || declared.startsWith("*");
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

/** One test for each declared outcome of a road: the world given for it is decided by that step, and so. */
export function roadTests<World>(
  road: readonly DeclaredStep<unknown>[],
  worlds: Readonly<Record<string, readonly World[]>>,
  decideBy: (world: World) => { by: DeclaredStep<unknown>; decision: Said },
): void {
  for (const step of road) {
    test(`${step.name} says what it declares, and everything that it declares`, () => {
      const reached = (worlds[step.name] ?? []).map((world) => {
        const { by, decision } = decideBy(world);
        assert.equal(by.name, step.name);
        return text(outcomeOf(by, decision));
      });
      assert.deepEqual([...new Set(reached)].sort(), step.outcomes.map(text).sort());
    });
  }
}
