/** Compares BitFit with PyTorch's training of a model's biases. */
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["bitfit-qwen2"], {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
});
