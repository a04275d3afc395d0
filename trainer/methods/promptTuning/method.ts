/**
 * Prompt tuning: n trained embeddings are tokens before every example, whose positions begin at n.    Lester et al. 2021, §2
 *
 * Attention is causal, so that the prompt's keys and values in each layer depend on no example: they are derived once per step
 * from the model on the prompt alone, and a micro-batch sees a prefix.
 */
import { promptTuning as declaration } from "../../contract/methods/promptTuning.ts";
import { defineMethod } from "../method.ts";
import { promptFault } from "../prefixes.ts";
import { promptParameter, promptTuningPeft } from "./peft.ts";

export const promptTuning = defineMethod(declaration, {
  describe: ({ virtualTokens, initialText }) =>
    `prompt tuning, ${virtualTokens} tokens${initialText === undefined ? "" : " that began as a text"}`,
  check: ({ virtualTokens }, task) => promptFault("promptTuning", virtualTokens, task),
  positionOffset: ({ virtualTokens }) => virtualTokens,
  prompt({ latent, name, vocabulary, width, factor }, { virtualTokens, initialText: text }) {
    const start =
      text === undefined
        ? ({ kind: "normal", deviation: 1 } as const)
        : ({ kind: "text", text, weight: `${name}.weight`, shape: [vocabulary, width], factor } as const);
    const theta = latent(promptParameter, [virtualTokens, width], start);
    return ({ read }) => read(theta);
  },
  peft: promptTuningPeft,
});
