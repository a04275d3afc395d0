/** Compares (IA)³ on bases in F32 and in NF4 with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["ia3"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["ia3", "ia3-qwen2", "ia3-nf4"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
