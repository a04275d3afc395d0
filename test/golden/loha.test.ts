/** Compares LoHa on bases in F32 and in NF4 with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["loha"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["loha", "loha-qwen2", "loha-nf4"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
