/** Compares LoRA on NF4 bases written by bitsandbytes with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["qlora-nf4", "qlora-nf4-double"], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});
