/**
 * P-tuning: prompt tuning whose embeddings are the output of a trained network of embeddings E: MLP(E), or MLP(LSTM(E)) as
 * in the paper.        Liu et al. 2021, §3.2
 *
 * The network runs once per step. The adapter holds its output alone, so that it is run as prompt tuning.
 */

import { usualMethod } from "../../contract/methods/index.ts";
import { pTuning as declaration } from "../../contract/methods/pTuning.ts";
import { defineMethod } from "../method.ts";
import { promptFault } from "../prefixes.ts";
import { encoders } from "./encoder.ts";
import { pTuningPeft } from "./peft.ts";

export const pTuning = defineMethod(declaration, {
  describe: ({ virtualTokens, encoder }) => `P-tuning, ${virtualTokens} tokens, ${encoder}`,
  check: ({ virtualTokens }, task) => promptFault("pTuning", virtualTokens, task),
  positionOffset: ({ virtualTokens }) => virtualTokens,
  prompt: (site, { virtualTokens, encoder, encoderHiddenSize }) =>
    encoders[encoder].prompt(site, virtualTokens, encoderHiddenSize ?? site.width),
  saved: ({ virtualTokens }) => ({ ...usualMethod("promptTuning"), virtualTokens }),
  peft: pTuningPeft,
});
