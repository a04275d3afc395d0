/**
 * Selects the triplets that keep their E: after each allocation, the most important ones of all matrices together, as many
 * as the step's budget allows. Follows PEFT's RankAllocator; `step` is the number of finished steps.
 */
import type { AdaloraSettings } from "../../contract/methods/adalora.ts";
import type { StepHost } from "../../graph/site.ts";

/** Updates importance, and sets E to zero in pruned triplets if this step allocates. */
export async function allocate(host: StepHost, step: number, steps: number, settings: AdaloraSettings): Promise<void> {
  const last = steps - settings.finalSteps;
  if (step < last) await host.observe();
  const sites = sitesOf(host);
  if (isAllocated(settings, step, last)) {
    const kept = keptTriplets(
      sites.map((site) => scoresOf(host, site)),
      budgetAt(settings, step, steps, sites.length),
    );
    for (const [index, site] of sites.entries()) host.values("method", `${site}.kept`).set(kept[index]!);
  } else if (step < last) {
    return;
  }
  for (const site of sites) {
    const kept = host.values("method", `${site}.kept`);
    const e = host.values("parameter", `${site}.lora_E`);
    for (let k = 0; k < e.length; k++) if (kept[k] === 0) e[k] = 0;
  }
}

/** Names of the adapted layers. */
const sitesOf = (host: StepHost): string[] =>
  host.names("parameter").flatMap((name) => (name.endsWith(".lora_E") ? [name.slice(0, -".lora_E".length)] : []));

/** Ranks change every `everySteps` steps after the warm-up, and last at the start of the final steps. */
const isAllocated = ({ initialSteps, everySteps }: AdaloraSettings, step: number, last: number): boolean =>
  step === last || (step > initialSteps && step < last && step % everySteps === 0);

/** Total number of kept triplets: from all down to `targetRank` per matrix, by a cubic schedule (eq. 12). */
export function budgetAt(settings: AdaloraSettings, step: number, steps: number, matrices: number): number {
  const { initialRank, targetRank, initialSteps, finalSteps } = settings;
  const [first, target] = [initialRank * matrices, targetRank * matrices];
  if (step <= initialSteps) return first;
  const left = 1 - (step - initialSteps) / Math.max(1, steps - finalSteps - initialSteps);
  return Math.floor((first - target) * Math.max(0, left) ** 3 + target);
}

/** A mask per matrix, 1 for a kept triplet: its score is above that of the last pruned one. */
export function keptTriplets(scores: readonly Float64Array[], budget: number): Float32Array[] {
  const sorted = scores.flatMap((of) => [...of]).sort((a, b) => a - b);
  const dropped = sorted.length - budget;
  const threshold = dropped < 1 ? Number.NEGATIVE_INFINITY : sorted[dropped - 1]!;
  return scores.map((of) => Float32Array.from(of, (score) => (score > threshold ? 1 : 0)));
}

/** Score of each triplet: that of its E, plus the mean scores of its row of A and its column of B (eq. 7). */
function scoresOf(host: StepHost, site: string): Float64Array {
  const product = (part: string) => {
    const sensitivity = host.values("method", `${site}.${part}.sensitivity`);
    const uncertainty = host.values("method", `${site}.${part}.uncertainty`);
    return (index: number) => sensitivity[index]! * uncertainty[index]!;
  };
  const [a, b, e] = [product("lora_A"), product("lora_B"), product("lora_E")];
  const rank = host.values("parameter", `${site}.lora_E`).length;
  const width = host.values("parameter", `${site}.lora_A`).length / rank;
  const out = host.values("parameter", `${site}.lora_B`).length / rank;
  return Float64Array.from({ length: rank }, (_, k) => {
    let [row, column] = [0, 0];
    for (let index = 0; index < width; index++) row += a(k * width + index);
    for (let index = 0; index < out; index++) column += b(index * rank + k);
    return e(k) + row / width + column / out;
  });
}
