/** The models that can train a prefix or a prompt before every example. Pure. */
import type { ModelConfig } from "../contract/model.ts";
import type { MethodTask } from "./method.ts";

type Facts = Pick<MethodTask, "model" | "longest">;

/**
 * Tokens of an example that fit behind so many virtual ones: all are in the model's context and, where layers have a window,
 * in the window of the last token. Without virtual tokens the context alone counts.
 */
export function roomBehind(
  { contextLength, slidingWindow = contextLength }: Pick<ModelConfig, "contextLength" | "slidingWindow">,
  virtualTokens: number,
): number {
  return virtualTokens === 0 ? contextLength : Math.min(contextLength, slidingWindow) - virtualTokens;
}

/**
 * The error if a token of this model may not attend to all that precedes its example, and the fix; undefined if it always does.
 */
export function prefixFault(kind: string, virtualTokens: number, { model, longest }: Facts): string | undefined {
  const { family, slidingWindow } = model;
  const room = roomBehind(model, virtualTokens);
  if (slidingWindow === undefined || longest <= room) return undefined;
  const shorter = room < 1 ? "" : `set dataset.maxSequenceLength to at most ${room}, or `;
  return (
    `method.${kind} needs every token to attend to the ${virtualTokens} virtual tokens, but layers of this ${family} attend ` +
    `only to the last ${slidingWindow} tokens, and examples may have ${longest}: ${shorter}set method.lora`
  );
}

/** The same for tokens whose keys are computed once per step, so the model must rotate them alike for every example. */
export function promptFault(kind: string, virtualTokens: number, task: Facts): string | undefined {
  const { family, rotatesByLength } = task.model;
  const fault = prefixFault(kind, virtualTokens, task);
  if (fault !== undefined) return fault;
  if (rotatesByLength)
    return `method.${kind} needs the same rotation of the prompt for every example, but this ${family} rotates long examples differently (longrope): set method.lora`;
  return undefined;
}
