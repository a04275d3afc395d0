/**
 * The roles of the tensors in region `state`, in the order in which they lie there, and what follows from a role: whether a
 * checkpoint holds it, how it starts, in which category of memory it counts, and whether only a training has it.
 */

export interface RoleFacts {
  /** Saved in checkpoints. */
  readonly checkpointed: boolean;
  /** `initial`: as the tensor's own `initial` says · `zero` · `computed`: a program writes it before another reads it. */
  readonly start: "initial" | "zero" | "computed";
  /** The category of a plan's memory that it is part of. */
  readonly category: "parameters" | "derived" | "gradients" | "moments" | "cache";
  /** Not there where nothing is trained. */
  readonly trainingOnly: boolean;
}

/** What a checkpoint holds lies first, so that its parts are runs of bytes. */
export const stateRoles = {
  parameter: { checkpointed: true, start: "initial", category: "parameters", trainingOnly: false },
  moment1: { checkpointed: true, start: "zero", category: "moments", trainingOnly: true },
  moment2: { checkpointed: true, start: "zero", category: "moments", trainingOnly: true },
  // What a method keeps beyond the moments.
  method: { checkpointed: true, start: "zero", category: "moments", trainingOnly: true },
  derived: { checkpointed: false, start: "computed", category: "derived", trainingOnly: false },
  gradient: { checkpointed: false, start: "computed", category: "gradients", trainingOnly: true },
  // The gradient of a derived value, summed over the micro-batches of a step.
  cotangent: { checkpointed: false, start: "computed", category: "gradients", trainingOnly: true },
  scalar: { checkpointed: false, start: "computed", category: "gradients", trainingOnly: false },
  cache: { checkpointed: false, start: "computed", category: "cache", trainingOnly: false },
} as const satisfies Readonly<Record<string, RoleFacts>>;

export type StateRole = keyof typeof stateRoles;

export type StateCategory = RoleFacts["category"];

/** All of them, in the order of the table. */
export const allRoles = Object.keys(stateRoles) as readonly StateRole[];

/** Those of which `of` is so. */
export const rolesWith = (of: (facts: RoleFacts) => boolean): readonly StateRole[] =>
  allRoles.filter((role) => of(stateRoles[role]));
