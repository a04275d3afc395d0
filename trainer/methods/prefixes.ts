/** The models that can train a prefix or a prompt before every example. Pure. */
import type { MethodTask } from "./method.ts";

type Facts = Pick<MethodTask, "model">;

/**
 * The error if a token of this model may not attend to all that precedes its example, and the fix; undefined if it always does.
 * A window as long as the context hides nothing.
 */
export function prefixFault(kind: string, { model: { family, slidingWindow, contextLength } }: Facts) {
  if (slidingWindow === undefined || slidingWindow >= contextLength) return undefined;
  return `method.${kind} needs every token to attend to the virtual tokens, but layers of this ${family} attend only to the last ${slidingWindow} of ${contextLength} tokens: set method.lora`;
}

/** The same for tokens whose keys are computed once per step, so the model must rotate them alike for every example. */
export function promptFault(kind: string, task: Facts): string | undefined {
  const { family, rotatesByLength } = task.model;
  const fault = prefixFault(kind, task);
  if (fault !== undefined) return fault;
  if (rotatesByLength)
    return `method.${kind} needs the same rotation of the prompt for every example, but this ${family} rotates long examples differently (longrope): set method.lora`;
  return undefined;
}
