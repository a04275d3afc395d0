/** Compares LoRA beside trained rows of the embedding and of the head, untied and tied, with PEFT's trainable tokens. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["lora-tokens", "lora-tokens-tied"], { "the reference in F64": onReference });
holdCases(["lora-tokens", "lora-tokens-qwen2"], { "cpu in F32": onCpu });
holdCases(["lora-tokens-tied"], { "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise });
