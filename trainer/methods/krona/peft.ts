/**
 * KronA as a LoKr adapter of PEFT, which has no KronA: both factors whole, because r is at least half of every dimension of
 * the second ones; alpha = s·r. Read back without Luthier's manifest, it is LoKr, which computes the same.
 */
import type { KronaSettings } from "../../contract/methods/krona.ts";
import { lokrConfig, lokrFault } from "../lokr/peft.ts";
import { lycorisConfig } from "../lycoris.ts";
import type { PeftFormat } from "../peft.ts";

export const kronaPeft: PeftFormat<KronaSettings> = {
  config(settings, facts) {
    const seconds = facts.parameters.filter(({ name }) => name.endsWith(".lokr_w2"));
    const rank = Math.max(1, ...seconds.map(({ shape }) => Math.ceil(Math.max(...shape) / 2)));
    const asLokr = { ...settings, rank, alpha: settings.scale * rank, rankPattern: {}, alphaPattern: {} };
    return { peft_type: "LOKR", ...lycorisConfig(asLokr, facts), ...lokrConfig(settings.factor, false) };
  },
  matches: () => false,
  read() {
    throw new Error("PEFT has no KronA, so no adapter_config.json is read as KronA");
  },
  fault: (tensor, _settings, has) => lokrFault(tensor, () => 0, has),
};
