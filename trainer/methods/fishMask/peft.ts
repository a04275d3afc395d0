/** FishMask's adapter: sparse differences, in the manner of PEFT's files. PEFT itself has no FishMask and refuses the configuration. */
import type { FishMaskSettings } from "../../contract/methods/fishMask.ts";
import type { PeftFormat } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";
import { fromSparse, isWhole, sparseFault, toSparse } from "../sparse.ts";

export const fishMaskPeft: PeftFormat<FishMaskSettings> = {
  config: (settings, { modules }) => ({
    peft_type: "FISH_MASK",
    density: settings.density,
    samples: settings.samples,
    target_modules: targetsOf(settings.targetModules, modules),
    ...selection(settings),
  }),
  matches: ({ peft_type }) => peft_type === "FISH_MASK",
  read: (members) => ({
    kind: "fishMask",
    density: members.positive("density"),
    samples: members.whole("samples", 1, 1_000_000),
    ...readSelection(members),
  }),
  fault: (tensor, _, has) => sparseFault(tensor, has),
  isWhole,
  toPeft: (parameters) => parameters.flatMap(toSparse),
  fromPeft: fromSparse,
};
