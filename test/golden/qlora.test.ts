/** LoRA on NF4 bases that bitsandbytes wrote, against PEFT. */
import { holdCases, onReference } from "./holdCases.ts";

holdCases(["qlora-nf4", "qlora-nf4-double"], { "the reference in F64": onReference });
