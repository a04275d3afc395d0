/**
 * `npm run bench -- --methods`: trains every method on one task under one budget by `luthier run`, measures decoding, and writes
 * docs/methods.md with its plot. Finished trainings are kept, so that a repeated bench trains only the missing ones.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { demo } from "../../../demo/places.ts";
import { declarationOf, effectiveMethod } from "../../../trainer/contract/methods/index.ts";
import { trainFigures } from "../../../trainer/contract/report.ts";
import { Stores } from "../../../trainer/stores/stores.ts";
import { StoredModel } from "../../../trainer/weights/storedModel.ts";
import { latencyOf } from "./latency.ts";
import { type MethodResult, page, plot, type Trained } from "./page.ts";
import { type Budget, type MethodEntry, methodEntries } from "./settings.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface MethodsBench {
  readonly budget: Budget;
  /** A base in Hugging Face's layout instead of the demo's; the page is then printed, not written. */
  readonly model: string | undefined;
  readonly onLine: (line: string) => void;
}

export async function benchMethods({ budget, model, onLine }: MethodsBench): Promise<void> {
  const directory = path.resolve(model ?? demo.baseModel);
  const base = await StoredModel.inDirectory(new Stores(), pathToFileURL(directory).href);
  const places = { base: directory, store: path.join(root, ".luthier/bench-methods", path.basename(directory)) };
  mkdirSync(places.store, { recursive: true });
  const latency = await latencyOf(base, { kind: "none" });
  const results: MethodResult[] = [];
  let before = { exactMatch: 0, majorityShare: 0 };
  for (const [kind, variants] of Object.entries(methodEntries)) {
    for (const [name, entry] of Object.entries(variants)) {
      const trained: Trained[] = [];
      let refusal: string | undefined;
      for (const seed of budget.seeds) {
        const made = train(name, entry, seed, budget, places);
        onLine(`${name}, seed ${seed}: ${typeof made === "string" ? made : `exact match ${made.score.toFixed(3)}`}`);
        if (typeof made === "string") {
          refusal = made;
          break;
        }
        before = made.before;
        trained.push(made);
      }
      if (refusal !== undefined) results.push({ name, kind, refusal });
      else {
        const settings = effectiveMethod(entry.method);
        const merges = declarationOf(kind).mergeRefusal === undefined;
        results.push({ name, kind, trained, latency: await latencyOf(base, settings), merges });
      }
    }
  }
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}`;
  const title = model === undefined ? "the demo's base of 6 million parameters" : path.basename(directory);
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

/** One training by the command line; the reason if the method cannot train this base. */
function train(
  name: string,
  entry: MethodEntry,
  seed: number,
  budget: Budget,
  places: { base: string; store: string },
): Made | string {
  const manifest = path.join(places.store, `${name.replaceAll(/\W+/g, "-")}-${seed}.json`);
  writeFileSync(manifest, JSON.stringify(manifestOf(entry, seed, budget)));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      path.join(root, "cli/main.ts"),
      ...["run", manifest, "--output", "json", "--output-dir", places.store],
      ...["--claim", `base=${places.base}`, "--claim", `data=${path.join(demo.inputs, "data")}`],
    ],
    { encoding: "utf8", maxBuffer: 2 ** 26 },
  );
  if (status === 20) return reasonIn(stderr);
  if (status !== 0) throw new Error(`${name}: luthier run ended with ${status}: ${stderr.slice(-2000)}`);
  const { training } = output.parse(JSON.parse(stdout));
  const { evaluationBefore, evaluationAfter } = training;
  if (!evaluationBefore || !evaluationAfter) throw new Error(`${name}: the run has no evaluation`);
  return {
    score: evaluationAfter.exactMatch,
    loss: training.evalLoss ?? training.loss,
    trainableParameters: training.trainableParameters,
    adapterBytes: training.adapterBytes,
    peakBytes: training.measuredPeakBytes,
    tokensPerSecond: training.tokensPerSecond,
    before: evaluationBefore,
  };
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
