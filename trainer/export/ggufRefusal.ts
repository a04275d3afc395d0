/** Whether llama.cpp computes a model, found by its configuration and tokenizer alone: before the training. */
import { baseTensors } from "../compile/compile.ts";
import { ggufRefusalReason, longestGgufRefusal } from "../contract/exports.ts";
import { StageFailure } from "../contract/failure.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { Codec, CodecTexts } from "../data/encoding/codec.ts";
import { ggufName, modelMetadata } from "./ggufModel.ts";
import { tokenizerMetadata } from "./ggufTokenizer.ts";

/** The reason why no GGUF file can hold a model, with what to do; undefined if one can. `codec`: of these texts. */
export function ggufRefusal(config: ModelConfig, texts: CodecTexts, codec: Codec): string | undefined {
  try {
    modelMetadata(config);
    for (const name of baseTensors(config).keys()) ggufName(name, config);
    tokenizerMetadata(texts, codec, config.vocabSize);
    return undefined;
  } catch (error) {
    if (error instanceof StageFailure && error.reason === ggufRefusalReason)
      return error.message.slice(0, longestGgufRefusal);
    throw error;
  }
}
