/** Diff pruning's adapter: sparse differences, in the manner of PEFT's files. PEFT itself has no diff pruning and refuses the configuration. */
import type { DiffPruningSettings } from "../../contract/methods/diffPruning.ts";
import type { NamedValues, PeftFormat } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";
import { fromSparse, isWhole, sparseFault, toSparse } from "../sparse.ts";
import { differencesOf, keepLargest, parts } from "./gates.ts";

export const diffPruningPeft: PeftFormat<DiffPruningSettings> = {
  config: (settings, { modules }) => ({
    peft_type: "DIFF_PRUNING",
    density: settings.density,
    penalty: settings.penalty,
    fixed_share: settings.fixedShare,
    structured: settings.structured,
    learning_rate_ratio: settings.learningRateRatio,
    target_modules: targetsOf(settings.targetModules, modules),
    ...selection(settings),
  }),
  matches: ({ peft_type }) => peft_type === "DIFF_PRUNING",
  read: (members) => ({
    kind: "diffPruning",
    density: members.positive("density"),
    penalty: members.notNegative("penalty"),
    fixedShare: members.share("fixed_share"),
    structured: members.flag("structured"),
    learningRateRatio: members.positive("learning_rate_ratio"),
    ...readSelection(members),
  }),
  fault: (tensor, _, has) => sparseFault(tensor, has),
  isWhole,
  toPeft(parameters, { density }) {
    const diffs = finished(parameters);
    keepLargest(
      diffs.map(({ values }) => values),
      density,
    );
    return diffs.flatMap(toSparse);
  },
  fromPeft: fromSparse,
};

/** δ of each layer, as copies. */
function finished(parameters: readonly NamedValues[]): NamedValues[] {
  const found = new Map(parameters.map((one) => [one.name, one.values]));
  return parameters.flatMap(({ name, shape, values: diff }) => {
    if (!name.endsWith(`.${parts.diff}`)) return [];
    const site = name.slice(0, -parts.diff.length);
    const alpha = found.get(site + parts.alpha);
    const values = alpha ? differencesOf({ diff, alpha, group: found.get(site + parts.group) }) : diff.slice();
    return [{ name, shape, values }];
  });
}
