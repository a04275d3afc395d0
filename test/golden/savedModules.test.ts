/**
 * Compares LoRA beside trained biases and whole modules, on bases in F32 and NF4, with PEFT. The gradient of a bias of keys
 * is nearly zero (softmax ignores a term that all keys share), so AdamW's 20 steps of it are compared only in F64.
 */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["lora-bias", "lora-saved-tied", "lora-saved-nf4"], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
holdCases(["lora-bias", "lora-saved", "lora-saved-tied"], { "the reference in F64": onReference });
