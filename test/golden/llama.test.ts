/** Compares full fine-tuning and LoRA with PyTorch, transformers and PEFT. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

const cases = ["full-untied", "full-tied", "lora-all-linear", "lora-subset", "lora-patterns", "lora-plus"] as const;
const ofQwen = ["qwen2-lora", "qwen3-full", "qwen3-lora"] as const;

// With transformers' label smoothing.
holdCases(["lora-smoothed"], { "cpu in F32": onCpu, "the reference in F64": onReference });

holdCases([...cases, ...ofQwen], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});
