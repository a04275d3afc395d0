/**
 * Shows the learnt update of an adapter: for each adapted matrix the singular values of its update ΔW, how many directions they
 * use, how much ΔW amplifies directions that W has little of, and the directions that it shares with another adapter (Hu et al.
 * 2021, §7).
 */
import { compile } from "../compile/compile.ts";
import { invalid } from "../contract/failure.ts";
import { declarationOf } from "../contract/methods/index.ts";
import { methodOf } from "../methods/index.ts";
import { requireFit } from "../weights/adapterFit.ts";
import type { PeftAdapter } from "../weights/adapterSource.ts";
import { isTrained, mergeTensor, siteOf } from "../weights/merge.ts";
import type { MergeBase } from "../weights/mergeBase.ts";
import {
  effectiveRank,
  normOf,
  overlap,
  projectedNorm,
  type Spectrum,
  spectrumOfMatrix,
  spectrumOfProduct,
  valuesFor,
} from "./spectrum.ts";

/** One adapted matrix. Norms are Frobenius norms. */
export interface SiteInspection {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly singularValues: readonly number[];
  /** ‖ΔW‖ */
  readonly norm: number;
  readonly effectiveRank: number;
  /** Directions that hold 99 % of ‖ΔW‖²; absent if more than were computed. */
  readonly rank99?: number;
  readonly base?: Amplification;
  readonly overlap?: Overlap;
}

export interface Amplification {
  /** ‖W‖ */
  readonly norm: number;
  /** ‖UᵀWV‖ in ΔW's directions, and of as many of W's own strongest ones. */
  readonly projected: number;
  readonly own: number;
  /** ‖ΔW‖/‖UᵀWV‖ */
  readonly factor: number;
}

/** φ of the directions of inputs (right singular vectors) and outputs (left ones). */
export interface Overlap {
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
  /** The expected φ of random directions of inputs and outputs, all of them. */
  readonly byChance: { readonly inputs: number; readonly outputs: number };
}

export interface InspectionOptions {
  readonly base: MergeBase | undefined;
  readonly other: PeftAdapter | undefined;
  readonly threads: number;
  /** Called before each matrix; may throw to stop. */
  readonly onSite: (done: number, total: number) => void;
}

/** Throws a failure with the reason for a method without ΔW, and for one whose ΔW needs a base that is not given. */
export async function inspectAdapter(adapter: PeftAdapter, options: InspectionOptions): Promise<SiteInspection[]> {
  const { base, other, threads, onSite } = options;
  for (const one of [adapter, ...(other ? [other] : [])]) {
    requireUpdate(one);
    if (base) await requireFitOn(base, one);
  }
  const names = siteNames(adapter, base);
  if (names.length === 0)
    throw invalid(
      "NoUpdate",
      `the adapter of method ${adapter.settings.kind} changes no matrix, but only vectors, such as biases`,
    );
  const others = other && new Set(siteNames(other, base));
  const found: SiteInspection[] = [];
  for (const [index, name] of names.entries()) {
    onSite(index, names.length);
    const w = await baseOf(name, base);
    const spectrum = await spectrumOf(name, adapter, w, threads);
    const theirs = others?.has(name) ? await spectrumOf(name, other!, w, threads) : undefined;
    found.push({
      ...ownFacts(name, spectrum),
      ...(await besideBase(spectrum, w, threads)),
      ...beside(spectrum, theirs),
    });
  }
  return found;
}

function requireUpdate({ settings }: PeftAdapter): void {
  const { mergeRefusal } = declarationOf(settings.kind);
  if (mergeRefusal !== undefined)
    throw invalid("NoUpdate", `method ${settings.kind} has no update ΔW: ${mergeRefusal}`);
}

/** Throws a failure if the adapter is of another model. */
async function requireFitOn({ model }: MergeBase, { settings, tensors }: PeftAdapter): Promise<void> {
  const sizes = { rowTokens: 1, microRows: 1, recomputedBlocks: 0 };
  const [config, storage] = [await model.config(), await model.storage()];
  const compiled = compile({ model: config, device: "cpu", storage, method: settings, precision: "F32", ...sizes });
  requireFit(
    compiled.state.filter(({ role }) => role === "parameter"),
    tensors,
  );
}

interface BaseMatrix {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

async function baseOf(name: string, base: MergeBase | undefined): Promise<BaseMatrix | undefined> {
  const facts = base?.tensors.find((tensor) => tensor.name === `${name}.weight`);
  return facts && { values: await base!.values(facts), shape: facts.shape };
}

/** The matrices that an adapter changes: those of the base, or without one those that the method knows as products. */
function siteNames({ settings, tensors }: PeftAdapter, base: MergeBase | undefined): string[] {
  if (base) {
    const matrices = base.tensors.filter(({ name, shape }) => shape.length === 2 && name.endsWith(".weight"));
    const sites = matrices.map(({ name }) => name.slice(0, -".weight".length));
    return sites.filter((site) => tensors.has(`${site}.weight`) || isTrained(site, tensors));
  }
  if (!methodOf(settings).lowRank) {
    throw invalid(
      "BaseMissing",
      `the update of method ${settings.kind} is no product of low rank, so it is computed from the base: name it with --base`,
    );
  }
  if ([...tensors.keys()].some((name) => /\.experts\.\w+\.lora_/.test(name)))
    throw invalid("BaseMissing", "the updates of experts are computed from the base: name it with --base");
  return products({ settings, tensors }).map(({ name }) => name);
}

/** The matrices whose updates are products of low rank. */
function products({ settings, tensors }: PeftAdapter) {
  const { lowRank } = methodOf(settings);
  const prefixes = [...tensors.keys()].flatMap((key) =>
    [...key.matchAll(/\./g)].map(({ index }) => key.slice(0, index)),
  );
  return [...new Set(prefixes)].flatMap((name) => {
    const update = lowRank?.(siteOf(name, tensors));
    return update ? [{ name, rank: update.rank }] : [];
  });
}

/** The largest rank of an update that is a product; undefined if none is. */
export function largestRank(adapter: PeftAdapter): number | undefined {
  const ranks = products(adapter).map(({ rank }) => rank);
  return ranks.length === 0 ? undefined : Math.max(...ranks);
}

async function spectrumOf(
  name: string,
  { settings, tensors }: PeftAdapter,
  w: BaseMatrix | undefined,
  threads: number,
): Promise<Spectrum> {
  const method = methodOf(settings);
  const product = tensors.has(`${name}.weight`) ? undefined : method.lowRank?.(siteOf(name, tensors));
  if (product) return await spectrumOfProduct(product, threads);
  if (!w)
    throw invalid(
      "BaseMissing",
      `${name} is trained whole, so its update is computed from the base: name it with --base`,
    );
  const { values, shape } = w;
  const merged = mergeTensor({ name: `${name}.weight`, shape }, values.slice(), method, tensors);
  const [rows = 0, columns = 0] = shape;
  return await spectrumOfMatrix(
    merged.map((value, at) => value - values[at]!),
    rows,
    columns,
    threads,
  );
}

function ownFacts(name: string, spectrum: Spectrum): SiteInspection {
  const { rows, columns, values, norm } = spectrum;
  const rank99 = valuesFor(0.99, spectrum);
  return {
    name,
    rows,
    columns,
    singularValues: [...values],
    norm,
    effectiveRank: effectiveRank(spectrum),
    ...(rank99 !== undefined && { rank99 }),
  };
}

async function besideBase(
  spectrum: Spectrum,
  w: BaseMatrix | undefined,
  threads: number,
): Promise<Pick<SiteInspection, "base">> {
  if (!w || spectrum.norm === 0) return {};
  const projected = projectedNorm(spectrum, w.values);
  const strongest = await spectrumOfMatrix(w.values, spectrum.rows, spectrum.columns, threads, spectrum.values.length);
  const own = Math.hypot(...strongest.values);
  return { base: { norm: normOf(w.values), projected, own, factor: spectrum.norm / projected } };
}

function beside(ours: Spectrum, theirs: Spectrum | undefined): Pick<SiteInspection, "overlap"> {
  if (!theirs || ours.norm === 0 || theirs.norm === 0) return {};
  const { rows, columns } = ours;
  const most = Math.max(ours.values.length, theirs.values.length);
  return {
    overlap: {
      inputs: overlap(ours.right, theirs.right, columns),
      outputs: overlap(ours.left, theirs.left, rows),
      byChance: { inputs: most / columns, outputs: most / rows },
    },
  };
}
