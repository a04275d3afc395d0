/** The rank and scale of an update whose method has LoRA's settings for both and no other of LoRA's. Pure. */
import type { LoraSettings } from "../contract/methods/lora.ts";
import type { Update } from "./lora/update.ts";

export type RankedSettings = Pick<
  LoraSettings,
  "rank" | "alpha" | "targetModules" | "excludeModules" | "layers" | "rankPattern" | "alphaPattern"
>;

export const asLora = (settings: RankedSettings): Update => ({
  ...settings,
  rankStabilized: false,
  initialization: "Kaiming",
});
