/** README.md of an exported model: how it was made. Pure. */
import { type EvaluationFigures, figureOf, type ReportedSettings, type TrainFigures } from "../contract/report.ts";
import { taskMetricNames, taskMetrics } from "../contract/taskMetrics.ts";
import { methodOf } from "../methods/index.ts";
import type { AdapterSource } from "../weights/adapterSource.ts";
import type { ExportFormat } from "./format.ts";
import type { Comparison } from "./verify.ts";

export interface CardFacts {
  name: string;
  /** The base's repository, or its relative path. */
  baseName: string;
  /** The library that loads the files. */
  library: ExportFormat["library"];
  /** The files hold an adapter, not a whole model. */
  isAdapter?: boolean | undefined;
  /** How the weights were written. */
  weights: string;
  adapter: AdapterSource["manifest"];
  /** Figures and settings of the training; undefined when its report is missing. */
  training: { readonly figures: TrainFigures; readonly settings: ReportedSettings | undefined } | undefined;
  /** The base's licence files beside the card. */
  licences: readonly string[];
  comparison: Comparison;
  prompts: number;
}

export function modelCard(facts: CardFacts): string {
  const { name, baseName, weights, adapter, training, comparison, prompts, licences } = facts;
  const settings = training?.settings;
  const lines = [
    "---",
    ...metadata(facts),
    "---",
    `# ${name}`,
    "",
    adapter.runHash === undefined
      ? `Made by Luthier from an adapter that was trained elsewhere, and its base model \`${baseName}\` (\`${adapter.baseDigest}\`).`
      : `Fine-tuned with Luthier from the base model \`${baseName}\` (\`${adapter.baseDigest}\`).`,
    "",
    "| | |",
    "|---|---|",
    ...rows([["Method", methodOf(adapter.method).describe()]]),
    ...rows(training ? trainingFacts(training.figures) : []),
    ...rows(settings ? settingFacts(settings) : []),
    ...rows([
      ["Weights", weights],
      [
        "Verified",
        `read back and compared with base and adapter on ${prompts} prompts: largest logit difference ` +
          `${comparison.maxLogitDifference.toPrecision(3)} (largest logit ${comparison.largestLogit.toPrecision(3)}), ` +
          `KL ${comparison.klDivergence.toExponential(2)} nats`,
      ],
      ...(licences.length > 0 ? [["Licence of the base", licences.join(", ")] satisfies Fact] : []),
      ...(adapter.runHash === undefined ? [] : [["Run", `\`${adapter.runHash}\``] satisfies Fact]),
    ]),
    "",
  ];
  return lines.join("\n");
}

/** The hub's fields. A base or data set that is not of the hub has no name there; a licence is not guessed. */
function metadata({ library, isAdapter, baseName, training }: CardFacts): string[] {
  const relation = isAdapter ? "adapter" : "finetune";
  const uris = training?.settings?.dataset.sources.map(({ uri }) => uri) ?? [];
  const names = uris.flatMap((uri) => /^hf:\/\/datasets\/([^/]+\/[^/@]+)/.exec(uri)?.[1] ?? []);
  return [
    `library_name: ${library}`,
    "pipeline_tag: text-generation",
    ...(baseName.startsWith("./") ? [] : [`base_model: ${baseName}`, `base_model_relation: ${relation}`]),
    ...(names.length > 0 ? ["datasets:", ...[...new Set(names)].map((one) => `- ${one}`)] : []),
  ];
}

type Fact = [string, string];

const rows = (facts: readonly Fact[]) => facts.map(([what, value]) => `| ${what} | ${value} |`);

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function trainingFacts(figures: TrainFigures): Fact[] {
  const { evaluationBefore: before, evaluationAfter: after, evalLoss, evalRewardAccuracy: accuracy } = figures;
  const facts: Fact[] = [
    ["Parameters", `${figures.trainableParameters} trained, ${figures.totalParameters} in all`],
    [
      "Training",
      `${figures.steps} steps, ${figures.trainedTokens} trained tokens, loss ${figures.loss.toPrecision(4)}`,
    ],
  ];
  if (evalLoss !== undefined) facts.push(["Validation loss", evalLoss.toPrecision(4)]);
  if (accuracy !== undefined) facts.push(["Reward accuracy, validation", percent(accuracy)]);
  if (before && after) facts.push(...evaluationFacts(before, after));
  return facts;
}

function settingFacts({ dataset, training }: ReportedSettings): Fact[] {
  const { objective, length, rowsPerStep, learningRate, schedule, precision, seed } = training;
  const duration = length.kind === "epochs" ? `${length.epochs} epochs` : `${length.steps} steps`;
  const { sources, maxSequenceLength: width } = dataset;
  return [
    [
      "Settings",
      `${objective.type}, ${duration}, ${rowsPerStep * width} tokens per step in rows of ${width}, ` +
        `learning rate ${learningRate} (${schedule.type}), ${precision}, seed ${seed}`,
    ],
    ["Data", `${sources.length} source${sources.length === 1 ? "" : "s"}`],
  ];
}

function evaluationFacts(before: EvaluationFigures, after: EvaluationFigures): Fact[] {
  return taskMetricNames.flatMap((name): Fact[] => {
    const [is, was] = [figureOf(after, name), figureOf(before, name)];
    if (is === undefined || was === undefined) return [];
    const { words, range } = taskMetrics[name];
    const text = (figure: number) => (range === "Share" ? percent(figure) : figure.toPrecision(4));
    const majority = name === "ExactMatch" ? after.majorityShare : undefined;
    const share =
      majority === undefined ? "" : ` (always giving the commonest answer would score ${percent(majority)})`;
    return [
      [
        `${words[0]!.toUpperCase()}${words.slice(1)}, held out`,
        `${text(was)} before, ${text(is)} after, on ${after.examples} examples${share}`,
      ],
    ];
  });
}
