/**
 * What a FineTuneJob should do, given what is. Pure; the order of the road's steps is their priority, the first that
 * applies decides: inputs pinned → fits → run → Adapter → exports → Ready. Settings that were trained before go straight
 * to their Adapter.
 */
import type { DeclaredStep } from "../api/outcome.ts";
import { road } from "./road.ts";
import { type Readable, type Step, say } from "./say.ts";
import type { Decision, World } from "./world.ts";

export function decide(world: World): Decision {
  if (world.job.metadata.deletionTimestamp !== undefined) return { status: world.job.status ?? {}, actions: [] };
  if ("issue" in world.wanted) return say(world, "Stalled", "Invalid", "InvalidSpec", world.wanted.issue);
  const readable = { ...world, wanted: world.wanted };
  return withStalePreparesDeleted(readable, decideBy(readable).decision);
}

/** The decision, and the step that takes it. */
export function decideBy(world: Readable): { by: DeclaredStep<Step>; decision: Decision } {
  for (const by of road) {
    const decision = by.step(world);
    if (decision) return { by, decision };
  }
  throw new Error("no step decided: the last one always does");
}

function withStalePreparesDeleted(world: Readable, decision: Decision): Decision {
  const stale = world.stalePrepares.map((job) => ({ kind: "deleteJob" as const, job }));
  return { ...decision, actions: [...stale, ...decision.actions] };
}
