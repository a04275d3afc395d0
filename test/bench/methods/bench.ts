/**
 * `npm run bench -- --methods`: trains every method on one task under one budget by `luthier run`, then measures speed, memory and
 * decoding, and writes docs/methods.md with its plot. Finished trainings are kept, so that a repeated bench trains only the missing
 * ones. Speed comes from short trainings of their own, one after the other: scores may be made on a busy machine
 * (`--scores-only`), timings may not.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { demo } from "../../../demo/places.ts";
import { declarationOf, effectiveMethod } from "../../../trainer/contract/methods/index.ts";
import { trainFigures } from "../../../trainer/contract/report.ts";
import { methodToRun } from "../../../trainer/methods/index.ts";
import { Stores } from "../../../trainer/stores/stores.ts";
import { StoredModel } from "../../../trainer/weights/storedModel.ts";
import { latencyOf } from "./latency.ts";
import { type MethodResult, page, plot, type Speed, type Trained } from "./page.ts";
import { type Budget, type MethodEntry, methodEntries, speedSteps } from "./settings.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface MethodsBench {
  readonly budget: Budget;
  /** A base in Hugging Face's layout instead of the demo's; the page is then printed, not written. */
  readonly model: string | undefined;
  /** Makes the scores and ends: no timings, no page. */
  readonly scoresOnly: boolean;
  readonly onLine: (line: string) => void;
}

export async function benchMethods({ budget, model, scoresOnly, onLine }: MethodsBench): Promise<void> {
  const directory = path.resolve(model ?? demo.baseModel);
  const base = await StoredModel.inDirectory(new Stores(), pathToFileURL(directory).href);
  const places = { base: directory, store: path.join(root, ".luthier/bench-methods", path.basename(directory)) };
  mkdirSync(places.store, { recursive: true });
  const variants = Object.entries(methodEntries).flatMap(([kind, entries]) =>
    Object.entries(entries).map(([name, entry]) => ({ kind, name, entry })),
  );
  const scores = variants.map((variant) => ({ ...variant, trained: scored(variant, budget, places, onLine) }));
  if (scoresOnly) return;
  const latency = await latencyOf(base, { kind: "none" });
  const results: MethodResult[] = [];
  for (const { kind, name, entry, trained } of scores) {
    if (typeof trained === "string") {
      results.push({ name, kind, note: entry.note, refusal: trained });
      continue;
    }
    const speed = speedOf(name, entry, budget, places);
    const decoding = await latencyOf(base, methodToRun(effectiveMethod(entry.method)));
    onLine(`${name}: ${Math.round(speed.tokensPerSecond)} tokens/s, ${decoding.one.toFixed(2)} ms a decoded token`);
    const merges = declarationOf(kind).mergeRefusal === undefined;
    results.push({ name, kind, note: entry.note, trained, speed, latency: decoding, merges });
  }
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}`;
  const title = model === undefined ? "the demo's base of 6 million parameters" : path.basename(directory);
  const before = scores.flatMap(({ trained }) => (typeof trained === "string" ? [] : trained))[0]?.before;
  if (!before) throw new Error("no method could be trained on this base");
  const facts = { base: title, before: before.exactMatch, majority: before.majorityShare, latency, machine };
  const text = page(results, facts, budget);
  if (model !== undefined) return onLine(text);
  writeFileSync(path.join(root, "docs/methods.md"), text);
  writeFileSync(path.join(root, "docs/images/methods.svg"), plot(results));
  onLine("wrote docs/methods.md and docs/images/methods.svg");
}

const output = z.looseObject({ training: trainFigures });

interface Made extends Trained {
  readonly before: { readonly exactMatch: number; readonly majorityShare: number };
}

interface Places {
  readonly base: string;
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
    const { exactMatch, majorityShare } = figures.evaluationBefore ?? {};
    const score = figures.evaluationAfter?.exactMatch;
    if (exactMatch === undefined || majorityShare === undefined || score === undefined)
      throw new Error(`${name}: the run has no evaluation`);
    onLine(`${name}, seed ${seed}: exact match ${score.toFixed(3)}`);
    const { loss, evalLoss = loss, trainableParameters, adapterBytes } = figures;
    trained.push({ score, loss: evalLoss, trainableParameters, adapterBytes, before: { exactMatch, majorityShare } });
  }
  return trained;
}

/** Speed and memory of a short training without evaluations, which is not kept. */
function speedOf(name: string, entry: MethodEntry, budget: Budget, places: Places): Speed {
  const store = mkdtempSync(path.join(places.store, "speed-"));
  try {
    const { spec, ...rest } = manifestOf(entry, 0, { ...budget, steps: speedSteps });
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
      ...["--claim", `base=${places.base}`, "--claim", `data=${path.join(demo.inputs, "data")}`],
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

const manifestOf = ({ learningRate, method }: MethodEntry, seed: number, budget: Budget) => ({
  apiVersion: "luthier.dev/v1alpha1",
  kind: "FineTuneJob",
  metadata: { name: "methods" },
  spec: {
    baseModel: { uri: "pvc://base/" },
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
