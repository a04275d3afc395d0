/** Compares KronA with PEFT, whose LoKr with two whole factors it is. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["krona"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["krona", "krona-qwen2"], { "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise });
