/**
 * The roles of the tensors in region `state`, in memory order, with the properties of each role: whether a checkpoint
 * holds it, its initial value, its category of memory, and whether only a training has it.
 */

export interface RoleFacts {
  /** Saved in checkpoints. */
  readonly checkpointed: boolean;
  /**
   * `initial`: the tensor's own `initial` · `parameter`: the initial value of the parameter of the same name · `zero` ·
   * `computed`: a program writes it before another reads it.
   */
  readonly start: "initial" | "parameter" | "zero" | "computed";
  /** Its category in a plan's memory. */
  readonly category: "parameters" | "derived" | "gradients" | "moments" | "cache";
  /** Absent without training. */
  readonly trainingOnly: boolean;
}

/** Checkpointed roles come first, so that a checkpoint's parts are contiguous. */
export const stateRoles = {
  parameter: { checkpointed: true, start: "initial", category: "parameters", trainingOnly: false },
  moment1: { checkpointed: true, start: "zero", category: "moments", trainingOnly: true },
  moment2: { checkpointed: true, start: "zero", category: "moments", trainingOnly: true },
  // The method's state beyond the moments.
  method: { checkpointed: true, start: "zero", category: "moments", trainingOnly: true },
  // The initial values of parameters whose product is subtracted from the base.
  first: { checkpointed: true, start: "parameter", category: "moments", trainingOnly: true },
  derived: { checkpointed: false, start: "computed", category: "derived", trainingOnly: false },
  gradient: { checkpointed: false, start: "computed", category: "gradients", trainingOnly: true },
  // The gradient of a derived value, summed over the micro-batches of a step.
  cotangent: { checkpointed: false, start: "computed", category: "gradients", trainingOnly: true },
  scalar: { checkpointed: false, start: "computed", category: "gradients", trainingOnly: false },
  cache: { checkpointed: false, start: "computed", category: "cache", trainingOnly: false },
} as const satisfies Readonly<Record<string, RoleFacts>>;

export type StateRole = keyof typeof stateRoles;

export type StateCategory = RoleFacts["category"];

/** All roles, in the order of the table. */
export const allRoles = Object.keys(stateRoles) as readonly StateRole[];

/** The roles whose facts satisfy `of`. */
export const rolesWith = (of: (facts: RoleFacts) => boolean): readonly StateRole[] =>
  allRoles.filter((role) => of(stateRoles[role]));
