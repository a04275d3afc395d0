/** Compares P-tuning with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["p-tuning", "p-tuning-lstm"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["p-tuning", "p-tuning-qwen3", "p-tuning-lstm-qwen2"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
