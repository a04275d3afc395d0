/**
 * `npm run bench -- --methods`: trains every method on one task under one budget by `luthier run`, then measures speed, memory and
 * decoding, and writes docs/methods.md with its plot. Finished trainings are kept, so that a repeated bench trains only the missing
 * ones. Speed comes from short trainings of their own, one after the other: scores may be made on a busy machine
 * (`--scores-only`), timings may not. `--rates` searches for the learning rates instead.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { declarationOf, effectiveMethod } from "../../../trainer/contract/methods/index.ts";
import { trainFigures } from "../../../trainer/contract/report.ts";
import { methodToRun } from "../../../trainer/methods/index.ts";
import { Stores } from "../../../trainer/stores/stores.ts";
import { StoredModel } from "../../../trainer/weights/storedModel.ts";
import { type Base, demoBase, makeData, ownBase, smolLM2 } from "./bases.ts";
import { latencyOf } from "./latency.ts";
import { type Facts, type MethodResult, page, plot, type Speed, section, type Trained } from "./page.ts";
import { climb } from "./rates.ts";
import { type Budget, type MethodEntry, methodEntries } from "./settings.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface MethodsBench {
  readonly steps: number | undefined;
  readonly seeds: number | undefined;
  /** A base in Hugging Face's layout instead of the usual ones; the section is then printed, not written. */
  readonly model: string | undefined;
  /** Also on SmolLM2-135M-Instruct. */
  readonly real: boolean;
  /** Makes the scores and ends: no timings, no page. */
  readonly scoresOnly: boolean;
  /** Prints the learning rates that settings.ts should have, and ends. */
  readonly rates: boolean;
  readonly onLine: (line: string) => void;
}

const variantsOf = ({ everyVariant }: Pick<Base, "everyVariant">) =>
  Object.entries(methodEntries).flatMap(([kind, entries]) =>
    Object.entries(entries)
      .filter(([name]) => everyVariant || name === kind)
      .map(([name, entry]) => ({ kind, name, entry })),
  );

export async function benchMethods({
  steps,
  seeds,
  model,
  real,
  scoresOnly,
  rates,
  onLine,
}: MethodsBench): Promise<void> {
  const first = model === undefined ? demoBase : ownBase(model);
  const usual = real && !rates ? [first, await smolLM2(onLine)] : [first];
  const bases = usual.map((base) => ({
    ...base,
    budget: { ...base.budget, steps: steps ?? base.budget.steps, seeds: seeds ?? base.budget.seeds },
  }));
  if (rates) return searchRates(bases[0]!, onLine);
  const scores = bases.map((base) => scoresOf(base, onLine));
  if (scoresOnly) return;
  const sections: string[] = [];
  for (const [index, base] of bases.entries()) {
    const { facts, results } = await timed(base, scores[index]!, onLine);
    sections.push(section(results, facts, base.budget, base.plot));
    if (model === undefined) writeFileSync(path.join(root, "docs/images", base.plot), plot(results));
  }
  if (model !== undefined) return onLine(sections.join("\n"));
  writeFileSync(path.join(root, "docs/methods.md"), page(sections));
  onLine("wrote docs/methods.md and its plots in docs/images");
}

const placesOf = ({ name, directory, budget }: Base): Places => {
  const store = path.join(root, ".luthier/bench-methods", name);
  const data = path.join(store, "data");
  makeData(data, budget);
  return { base: directory, data, store };
};

type Scores = readonly {
  readonly name: string;
  readonly kind: string;
  readonly entry: MethodEntry;
  readonly trained: Made[] | string;
}[];

function scoresOf(base: Base, onLine: (line: string) => void): Scores {
  const places = placesOf(base);
  return variantsOf(base).map(({ entry, ...variant }) => {
    const fitted = { ...entry, learningRate: base.rate(entry.learningRate) };
    const trained = scored({ ...variant, entry: fitted }, base.budget, places, (line) =>
      onLine(`${base.name}: ${line}`),
    );
    return { ...variant, entry: fitted, trained };
  });
}

/** Adds speed, memory and the latency of decoding. */
async function timed(
  base: Base,
  scores: Scores,
  onLine: (line: string) => void,
): Promise<{ facts: Facts; results: MethodResult[] }> {
  const places = placesOf(base);
  const stored = await StoredModel.inDirectory(new Stores(), pathToFileURL(base.directory).href);
  const latency = await latencyOf(stored, { kind: "none" });
  const results: MethodResult[] = [];
  for (const { kind, name, entry, trained } of scores) {
    const said = { name, kind, learningRate: entry.learningRate };
    if (typeof trained === "string") {
      results.push({ ...said, refusal: trained });
      continue;
    }
    const speed = speedOf(name, entry, base.budget, places);
    const decoding = entry.quantized ? undefined : await latencyOf(stored, methodToRun(effectiveMethod(entry.method)));
    onLine(
      `${base.name}: ${name}: ${Math.round(speed.tokensPerSecond)} tokens/s, ${decoding?.one.toFixed(2) ?? "–"} ms a decoded token`,
    );
    const merges = declarationOf(kind).mergeRefusal === undefined;
    results.push({ ...said, trained, speed, latency: decoding, merges });
  }
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}`;
  const before = scores.flatMap(({ trained }) => (typeof trained === "string" ? [] : trained))[0]?.before;
  if (!before) throw new Error("no method could be trained on this base");
  const { exactMatch, majorityShare: majority, examples } = before;
  return { facts: { base: base.title, before: exactMatch, majority, examples, latency, machine }, results };
}

const output = z.looseObject({ training: trainFigures });

interface Made extends Trained {
  readonly before: { readonly exactMatch: number; readonly majorityShare: number; readonly examples: number };
}

interface Places {
  readonly base: string;
  readonly data: string;
  readonly store: string;
}

/** One training for each seed; the reason if the method cannot train this base. */
function scored(
  { name, entry }: { name: string; entry: MethodEntry },
  budget: Budget,
  places: Places,
  onLine: (line: string) => void,
): Made[] | string {
  const trained: Made[] = [];
  for (let seed = 1; seed <= budget.seeds; seed++) {
    const figures = train(`${name}-${seed}`, manifestOf(entry, seed, budget), places, places.store);
    if (typeof figures === "string") {
      onLine(`${name}: ${figures}`);
      return figures;
    }
    const { exactMatch, majorityShare, examples } = figures.evaluationBefore ?? {};
    const score = figures.evaluationAfter?.exactMatch;
    if (exactMatch === undefined || majorityShare === undefined || examples === undefined || score === undefined)
      throw new Error(`${name}: the run has no evaluation`);
    onLine(`${name}, seed ${seed}: exact match ${score.toFixed(3)}`);
    const { loss, evalLoss = loss, trainableParameters, adapterBytes } = figures;
    trained.push({
      score,
      loss: evalLoss,
      trainableParameters,
      adapterBytes,
      before: { exactMatch, majorityShare, examples },
    });
  }
  return trained;
}

function searchRates(base: Base, onLine: (line: string) => void): void {
  const places = placesOf(base);
  for (const { name, entry } of variantsOf(base)) onLine(rateOf(name, entry, base.budget, places, onLine));
}

/** Searches from the entry's rate with seed 1. */
function rateOf(
  name: string,
  entry: MethodEntry,
  budget: Budget,
  places: Places,
  onLine: (line: string) => void,
): string {
  let refusal: string | undefined;
  const rate = climb(entry.learningRate, (learningRate) => {
    const { spec, ...rest } = manifestOf({ ...entry, learningRate }, 1, budget);
    const { evaluation, ...trainingOnly } = spec;
    const figures = train(`${name}-rate`, { ...rest, spec: trainingOnly }, places, places.store);
    if (typeof figures === "string") {
      refusal = figures;
      return Number.POSITIVE_INFINITY;
    }
    const { loss, evalLoss = loss } = figures;
    onLine(`${name} at ${learningRate}: validation loss ${evalLoss.toFixed(4)}`);
    return evalLoss;
  });
  return `${name}: ${refusal ?? rate}`;
}

/** Speed and memory of a short training without evaluations, which is not kept. */
function speedOf(name: string, entry: MethodEntry, budget: Budget, places: Places): Speed {
  const store = mkdtempSync(path.join(places.store, "speed-"));
  try {
    const { spec, ...rest } = manifestOf(entry, 0, { ...budget, steps: budget.speedSteps });
    const { evaluation, ...trainingOnly } = spec;
    const { validation, ...dataset } = spec.dataset;
    const figures = train(name, { ...rest, spec: { ...trainingOnly, dataset } }, places, store);
    if (typeof figures === "string") throw new Error(`${name}: ${figures}`);
    return { tokensPerSecond: figures.tokensPerSecond, peakBytes: figures.measuredPeakBytes };
  } finally {
    rmSync(store, { recursive: true });
  }
}

/** One training by the command line; the reason if the method cannot train this base. */
function train(name: string, manifest: unknown, places: Places, store: string): z.output<typeof trainFigures> | string {
  const file = path.join(store, `${name.replaceAll(/\W+/g, "-")}.json`);
  writeFileSync(file, JSON.stringify(manifest));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      path.join(root, "cli/main.ts"),
      ...["run", file, "--output", "json", "--output-dir", store],
      ...["--claim", `base=${places.base}`, "--claim", `data=${places.data}`],
    ],
    { encoding: "utf8", maxBuffer: 2 ** 26 },
  );
  if (status === 20) return reasonIn(stderr);
  if (status !== 0) throw new Error(`${name}: luthier run ended with ${status}: ${stderr.slice(-2000)}`);
  return output.parse(JSON.parse(stdout)).training;
}

/** The last line that says something. */
const reasonIn = (stderr: string): string =>
  stderr
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^luthier[^:]*: /, "") ?? "refused";

const manifestOf = ({ learningRate, method, quantized }: MethodEntry, seed: number, budget: Budget) => ({
  apiVersion: "luthier.dev/v1alpha1",
  kind: "FineTuneJob",
  metadata: { name: "methods" },
  spec: {
    baseModel: { uri: "pvc://base/", ...(quantized ? { quantization: { type: "NF4" } } : {}) },
    dataset: {
      sources: [{ uri: "pvc://data/train.jsonl" }],
      validation: { uri: "pvc://data/validation.jsonl" },
      maxSequenceLength: budget.maxSequenceLength,
    },
    method,
    training: { maxSteps: budget.steps, batchTokens: budget.batchTokens, learningRate, seed },
    evaluation: { test: { uri: "pvc://data/test.jsonl" }, metrics: ["ExactMatch"], maxNewTokens: 4 },
    placement: { gpusPerNode: 0 },
    artifacts: { uri: "pvc://store" },
  },
});
