/**
 * P-tuning in PEFT's layout: `prompt_embeddings` (n, hidden size), the encoder's output; PEFT saves no encoder either. Read
 * back, it is prompt tuning.
 */
import type { PTuningSettings } from "../../contract/methods/pTuning.ts";
import type { PeftFormat } from "../peft.ts";
import { loadedPrompt, promptConfig, savedPrompt } from "../promptTuning/peft.ts";
import { encoders } from "./encoder.ts";

export const pTuningPeft: PeftFormat<PTuningSettings> = {
  config: (settings, facts) => ({
    peft_type: "P_TUNING",
    ...promptConfig(settings, facts),
    encoder_reparameterization_type: settings.encoder,
    encoder_hidden_size: settings.encoderHiddenSize ?? facts.model.hiddenSize,
    encoder_num_layers: 2,
    encoder_dropout: 0,
  }),
  matches: () => false,
  read() {
    throw new Error("an adapter_config.json of P-tuning is read as prompt tuning");
  },
  fault: () => undefined,
  toPeft(parameters, { virtualTokens, encoder }) {
    const named = (part: string) => {
      const found = parameters.find(({ name }) => name.endsWith(`.${part}`));
      if (!found) throw new Error(`P-tuning has no parameter ${part}`);
      return found.values;
    };
    const values = encoders[encoder].encoded(named, virtualTokens);
    return savedPrompt({ shape: [virtualTokens, values.length / virtualTokens], values });
  },
  fromPeft: loadedPrompt,
};
