/** P-tuning's encoders by name. */
import type { PTuningSettings } from "../../contract/methods/pTuning.ts";
import type { Encoder } from "./layers.ts";
import { lstmEncoder } from "./lstm.ts";
import { mlpEncoder } from "./mlp.ts";

export const encoders: Readonly<Record<PTuningSettings["encoder"], Encoder>> = { MLP: mlpEncoder, LSTM: lstmEncoder };
