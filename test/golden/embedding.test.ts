/** Compares LoRA on the embedding, on bases in F32 and in NF4, with PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["lora-embedding", "lora-embedding-nf4"], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});
holdCases(["lora-embedding-qwen2"], { "cpu in F32": onCpu });
