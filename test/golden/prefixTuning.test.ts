/** Compares prefix tuning on bases in F32 and in NF4 with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["prefix-tuning", "prefix-tuning-nf4"], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});
holdCases(["prefix-tuning-qwen2"], { "cpu in F32": onCpu });
