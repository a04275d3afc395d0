/** The models in which a prompt has no keys and values of its own. Pure. */
import type { MethodTask } from "../method.ts";

/** Why a prompt's keys and values would depend on the example, and the way out; undefined where they do not. */
export function promptFault(kind: string, { model: { family, slidingWindow, ropeScaling } }: MethodTask) {
  if (slidingWindow !== undefined)
    return `method ${kind} needs every token to see the prompt, but layers of this ${family} let a token see the last ${slidingWindow} alone: use method lora`;
  if (ropeScaling?.type === "longrope")
    return `method ${kind} needs one rotation of the prompt, but this ${family} rotates long examples otherwise (longrope): use method lora`;
  return undefined;
}
