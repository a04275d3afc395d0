/** Compares X-LoRA on bases in F32 and in NF4 with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["xlora", "xlora-qwen2"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["xlora", "xlora-qwen2", "xlora-nf4"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
