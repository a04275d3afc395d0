/** Compares prompt tuning with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["prompt-tuning"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["prompt-tuning", "prompt-tuning-qwen2", "prompt-tuning-nf4"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
