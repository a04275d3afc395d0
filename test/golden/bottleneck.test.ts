/** Compares bottleneck adapters with AdapterHub's. */

import { readCase } from "./goldens.ts";
import { holdCases, holdGradients, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["bottleneck-houlsby"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["bottleneck-houlsby", "bottleneck-pfeiffer-qwen2", "bottleneck-parallel-nf4"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});
holdGradients(
  readCase("bottleneck-pfeiffer-gemma2"),
  onCpu,
  "logits, loss and every gradient of Pfeiffer's adapters on Gemma 2 equal AdapterHub's",
);
