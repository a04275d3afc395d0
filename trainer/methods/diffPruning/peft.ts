/** Diff pruning's adapter: sparse differences, in the manner of PEFT's files. PEFT itself has no diff pruning and refuses the configuration. */
import type { DiffPruningSettings } from "../../contract/methods/diffPruning.ts";
import { chooserOf, countOf, wordsOf } from "../largest.ts";
import type { NamedValues, PeftFormat } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";
import { fromSparse, isWhole, sparseFault, sparseTensors } from "../sparse.ts";
import { differencesOf, parts } from "./gates.ts";

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
  toPeft: largestDifferences,
  fromPeft: fromSparse,
};

/** The largest differences of all layers together, as many as `density` allows. Whole matrices are not copied. */
function largestDifferences(parameters: readonly NamedValues[], { density }: DiffPruningSettings): NamedValues[] {
  const layers = gatedLayers(parameters);
  const all = layers.reduce((sum, { diff }) => sum + diff.length, 0);
  const sizes = function* () {
    for (const layer of layers) for (const { values } of pieces(layer)) yield values.map(Math.abs);
  };
  const isKept = chooserOf(sizes, countOf(density, all));
  return layers.flatMap((layer) => {
    const [places, kept]: [number[], number[]] = [[], []];
    for (const { first, values } of pieces(layer)) {
      for (const [at, word] of wordsOf(values.map(Math.abs)).entries()) {
        if (!isKept(word)) continue;
        places.push(first + at);
        kept.push(values[at]!);
      }
    }
    return sparseTensors(layer, places, (_, index) => kept[index]!);
  });
}

interface Layer extends Pick<NamedValues, "name" | "shape"> {
  readonly diff: Float32Array;
  /** Absent in a finished adapter. */
  readonly alpha: Float32Array | undefined;
  readonly group: Float32Array | undefined;
}

function gatedLayers(parameters: readonly NamedValues[]): Layer[] {
  const found = new Map(parameters.map((one) => [one.name, one.values]));
  return parameters.flatMap(({ name, shape, values: diff }) => {
    if (!name.endsWith(`.${parts.diff}`)) return [];
    const site = name.slice(0, -parts.diff.length);
    return [{ name, shape, diff, alpha: found.get(site + parts.alpha), group: found.get(site + parts.group) }];
  });
}

const pieceLength = 65_536;

/** δ of a layer in pieces. */
function* pieces({ diff, alpha, group }: Layer): Generator<{ first: number; values: Float32Array }> {
  for (let first = 0; first < diff.length; first += pieceLength) {
    const part = diff.subarray(first, first + pieceLength);
    const gates = alpha?.subarray(first, first + pieceLength);
    yield { first, values: gates ? differencesOf({ diff: part, alpha: gates, group }) : part };
  }
}
