/** Diff pruning's adapter: sparse differences, in the manner of PEFT's files. PEFT itself has no diff pruning and refuses the configuration. */
import type { DiffPruningSettings } from "../../contract/methods/diffPruning.ts";
import { chooserOf, countOf, wordsOf } from "../largest.ts";
import type { NamedValues, PeftFormat } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";
import { fromSparse, isWhole, sparseFault, sparseTensors } from "../sparse.ts";
import { differencesInto, parts } from "./gates.ts";

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

/**
 * The largest differences of all layers together, as many as `density` allows. Whole matrices are not copied, and every piece of
 * one is computed in the same memory, because V8 collects arrays only once they are many.
 */
function largestDifferences(parameters: readonly NamedValues[], { density }: DiffPruningSettings): NamedValues[] {
  const layers = gatedLayers(parameters);
  const all = layers.reduce((sum, { diff }) => sum + diff.length, 0);
  const [room, sizes] = [new Float32Array(pieceLength), new Float32Array(pieceLength)];
  const sizesOf = (values: Float32Array) => {
    for (const [at, value] of values.entries()) sizes[at] = Math.abs(value);
    return sizes.subarray(0, values.length);
  };
  const allSizes = function* () {
    for (const layer of layers) for (const { values } of pieces(layer, room)) yield sizesOf(values);
  };
  const isKept = chooserOf(allSizes, countOf(density, all));
  return layers.flatMap((layer) => {
    const [places, kept]: [number[], number[]] = [[], []];
    for (const { first, values } of pieces(layer, room)) {
      for (const [at, word] of wordsOf(sizesOf(values)).entries()) {
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

/** δ of a layer in pieces, each in `room`. */
function* pieces(
  { diff, alpha, group }: Layer,
  room: Float32Array,
): Generator<{ first: number; values: Float32Array }> {
  for (let first = 0; first < diff.length; first += pieceLength) {
    const part = diff.subarray(first, first + pieceLength);
    const gates = alpha?.subarray(first, first + pieceLength);
    const values = room.subarray(0, part.length);
    if (gates) differencesInto(values, { diff: part, alpha: gates, group });
    else values.set(part);
    yield { first, values };
  }
}
