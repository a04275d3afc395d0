/** Compares the objectives of preferences with TRL's own losses, on adapters of PEFT. */
import { describe } from "node:test";
import { readCase } from "./goldens.ts";
import { holdCases, holdGradients, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

holdCases(["dpo-lora", "dpo-bias", "dpo-pissa", "dpo-prefix", "orpo-dora", "kto-lora"], { "cpu in F32": onCpu });

holdCases(["dpo-lora", "kto-lora"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});

for (const name of ["dpo-lora", "orpo-dora", "kto-lora"])
  describe(`${name} on the reference in F64`, () =>
    holdGradients(readCase(name), onReference, "loss, rewards and every gradient equal TRL's"));
