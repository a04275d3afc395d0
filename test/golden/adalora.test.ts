/** Compares AdaLoRA on bases in F32 and in NF4 with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["adalora", "adalora-nf4"], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});
holdCases(["adalora-qwen3"], { "cpu in F32": onCpu });
