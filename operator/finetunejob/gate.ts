/**
 * The gate of promotion: may the Adapter of the spec's settings replace the promoted one? Pure. It compares figures that the
 * trainings measured: an evaluation is deterministic, so the promoted Adapter's figure on the same held-out data is known. If
 * the data, the template or the tokenizer differ, the digests of the held-out tokens do, and nothing can be compared. The digest
 * for the validation loss also differs if the objective or the label smoothing does, since losses then have other units.
 */
import type { Results } from "../api/common.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { Adapter } from "../api/kinds.ts";
import { type GateMetric, gateMetrics, type Promotion } from "../api/promotion.ts";

export type GateAnswer =
  | { kind: "Passed"; message: string }
  | {
      kind: "Kept";
      reason: "NotBetter" | "NotComparable" | "RequirementNotMet" | "AwaitingPromotion";
      message: string;
    };

/** May the operator keep another Adapter promoted than that of the spec's settings? */
export const isGated = ({ promotion }: { promotion?: Promotion | undefined }) =>
  promotion !== undefined && ((promotion.policy ?? "Automatic") !== "Automatic" || promotion.require !== undefined);

/** The members of a spec that the gate reads. */
interface Gated {
  promotion: Promotion;
  evaluation?: FineTuneJobSpec["evaluation"];
}

interface Candidates {
  candidate: Adapter;
  /** The promoted Adapter, if there is one. */
  promoted: Adapter | undefined;
}

export function gate({ candidate, promoted }: Candidates, { promotion, evaluation }: Gated): GateAnswer {
  const { policy = "Automatic" } = promotion;
  const { name } = candidate.metadata;
  if (policy === "Manual") {
    const message = `Adapter ${name} is trained. Set spec.promotion.adapterRef.name: ${name} to promote it.`;
    return { kind: "Kept", reason: "AwaitingPromotion", message };
  }
  const unmet = firstUnmet(candidate, promotion);
  if (unmet !== undefined) return { kind: "Kept", reason: "RequirementNotMet", message: `${unmet} ${byHand(name)}` };
  if (policy === "Automatic" || promoted === undefined)
    return { kind: "Passed", message: `Adapter ${name} meets the requirements.` };
  const { minImprovement = "0", metric = evaluation?.metrics[0] ?? "ValidationLoss" } = promotion;
  return compare({ candidate, promoted }, metric, minImprovement);
}

const byHand = (name: string) => `To promote it anyway, set spec.promotion.adapterRef.name: ${name}.`;

function firstUnmet({ metadata, spec }: Adapter, { require = [] }: Promotion): string | undefined {
  for (const { metric, atLeast, atMost } of require) {
    const figure = figureOf(metric, spec.results);
    const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const is = `Adapter ${metadata.name} does not meet spec.promotion.require: ${gateMetrics[metric].words}`;
    if (figure === undefined) return `${is} was not measured, and must be ${wanted}.`;
    const met = atLeast === undefined ? figure <= Number(atMost) : figure >= Number(atLeast);
    if (!met) return `${is} ${figure}, must be ${wanted}.`;
  }
  return undefined;
}

function compare(
  { candidate, promoted }: { candidate: Adapter; promoted: Adapter },
  metric: GateMetric,
  minImprovement: string,
): GateAnswer {
  const { words, better } = gateMetrics[metric];
  const [name, other] = [candidate.metadata.name, promoted.metadata.name];
  const [is, was] = [figureOf(metric, candidate.spec.results), figureOf(metric, promoted.spec.results)];
  const difference = differenceOf(metric, candidate, promoted);
  if (difference !== undefined || is === undefined || was === undefined) {
    const cause = difference ?? `${is === undefined ? name : other} has no ${words}`;
    const message = `Adapter ${name} cannot be compared with the promoted ${other}: ${cause}. ${byHand(name)}`;
    return { kind: "Kept", reason: "NotComparable", message };
  }
  const improvement = (better === "Higher" ? is - was : was - is) + rounding;
  const figures = `${words} ${is}, ${other} ${was}`;
  if (improvement > 2 * rounding && improvement >= Number(minImprovement))
    return { kind: "Passed", message: `Adapter ${name} is better than ${other}: ${figures}.` };
  const least = Number(minImprovement) > 0 ? ` (minImprovement ${minImprovement})` : "";
  const message = `Adapter ${name} is not better than the promoted ${other}${least}: ${figures}. ${byHand(name)}`;
  return { kind: "Kept", reason: "NotBetter", message };
}

/** Figures have four digits: 0.95 − 0.9 is an improvement of 0.05, although the doubles' difference is a little less. */
const rounding = 1e-9;

/** A figure of the results; undefined if it was not measured. */
function figureOf(metric: GateMetric, results: Results | undefined): number | undefined {
  const text = textOf(metric, results);
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function textOf(metric: GateMetric, results: Results | undefined): string | undefined {
  switch (metric) {
    case "ValidationLoss":
      return results?.evalLoss;
    case "ExactMatch":
      return results?.evaluation?.after;
    default:
      return results?.evaluation?.metrics?.find((one) => one.metric === metric)?.after;
  }
}

/** The difference of the held-out data, the loss or the measurement; undefined if they are the same. */
function differenceOf(metric: GateMetric, candidate: Adapter, promoted: Adapter): string | undefined {
  const ofTest = metric !== "ValidationLoss";
  const member = ofTest ? "evaluationSetDigest" : "validationDigest";
  const [is, was] = [candidate.spec.provenance, promoted.spec.provenance];
  const data = ofTest ? "test data" : "validation data";
  if (is[member] === undefined || was[member] === undefined)
    return `${is[member] === undefined ? candidate.metadata.name : promoted.metadata.name} does not record its ${data}`;
  if (is[member] !== was[member])
    return ofTest
      ? "its test data, chat template or tokenizer differ"
      : "its validation data, chat template, tokenizer, training.objective or training.labelSmoothing differ";
  if (!ofTest || metric === "ExactMatch") return undefined;
  if (is.evaluation?.maxNewTokens !== was.evaluation?.maxNewTokens) return "its evaluation.maxNewTokens differs";
  return metric === "Pattern" && is.evaluation?.pattern !== was.evaluation?.pattern
    ? "its evaluation.pattern differs"
    : undefined;
}
