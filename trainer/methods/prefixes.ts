/** The models that can train a prefix or a prompt before every example. Pure. */
import type { ModelConfig } from "../contract/model.ts";
import type { BoundMethod, MethodTask } from "./method.ts";

type Facts = Pick<MethodTask, "model" | "longest">;
type Reach = Pick<ModelConfig, "contextLength" | "slidingWindow" | "originalContext">;

/**
 * Tokens of an example that fit behind a method's virtual ones: all are in the model's context and, where layers have a window,
 * in the window of the last token; behind a prompt also in LongRoPE's original context, beyond which the model would rotate the
 * prompt otherwise. Without virtual tokens the context alone counts.
 */
export function roomBehind(
  { contextLength, slidingWindow = contextLength, originalContext = contextLength }: Reach,
  { positionOffset, hasPrompt }: Pick<BoundMethod, "positionOffset" | "hasPrompt">,
): number {
  if (positionOffset === 0) return contextLength;
  return Math.min(contextLength, slidingWindow, hasPrompt ? originalContext : contextLength) - positionOffset;
}

/**
 * The error if a token of this model may not attend to all that precedes its example, and the fix; undefined if it always does.
 */
export function prefixFault(kind: string, virtualTokens: number, { model, longest }: Facts): string | undefined {
  const { family, slidingWindow } = model;
  const room = roomBehind(model, { positionOffset: virtualTokens, hasPrompt: false });
  if (slidingWindow === undefined || longest <= room) return undefined;
  return (
    `method.${kind} needs every token to attend to the ${virtualTokens} virtual tokens, but layers of this ${family} attend ` +
    `only to the last ${slidingWindow} tokens, and examples may have ${longest}: ${fixOf(room)}`
  );
}

/** The same for tokens whose keys are computed once per step, so the model must rotate them alike for every example. */
export function promptFault(kind: string, virtualTokens: number, task: Facts): string | undefined {
  const { family, originalContext } = task.model;
  const room = roomBehind(task.model, { positionOffset: virtualTokens, hasPrompt: true });
  const fault = prefixFault(kind, virtualTokens, task);
  if (fault !== undefined || originalContext === undefined || task.longest <= room) return fault;
  return (
    `method.${kind} needs the same rotation of the prompt for every example, but this ${family} rotates examples of more than ` +
    `${originalContext} tokens otherwise (longrope), and examples may have ${task.longest} behind the ${virtualTokens} virtual ` +
    `ones: ${fixOf(room)}`
  );
}

const fixOf = (room: number): string =>
  `${room < 1 ? "" : `set dataset.maxSequenceLength to at most ${room}, or `}set method.lora`;
