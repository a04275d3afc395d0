/** README.md of an exported model: how it was made. Pure. */
import { type EvaluationFigures, figureOf, type TrainFigures } from "../contract/report.ts";
import { taskMetricNames, taskMetrics } from "../contract/taskMetrics.ts";
import { methodOf } from "../methods/index.ts";
import type { AdapterManifest } from "../weights/adapter.ts";
import type { ExportFormat } from "./format.ts";
import type { Comparison } from "./verify.ts";

export interface CardFacts {
  name: string;
  /** The base's repository, or its relative path. */
  baseName: string;
  /** The library that loads the files. */
  library: ExportFormat["library"];
  /** How the weights were written. */
  weights: string;
  adapter: AdapterManifest;
  /** Figures of the training; undefined when its report is missing. */
  training: TrainFigures | undefined;
  comparison: Comparison;
  prompts: number;
}

export function modelCard(facts: CardFacts): string {
  const { name, baseName, library, weights, adapter, training, comparison, prompts } = facts;
  const lines = [
    "---",
    `library_name: ${library}`,
    "pipeline_tag: text-generation",
    ...(baseName.startsWith("./") ? [] : [`base_model: ${baseName}`]),
    "---",
    `# ${name}`,
    "",
    `Fine-tuned with Luthier from the base model \`${baseName}\` (\`${adapter.baseDigest}\`).`,
    "",
    "| | |",
    "|---|---|",
    ...rows([["Method", methodOf(adapter.method).describe()]]),
    ...rows(training ? trainingFacts(training) : []),
    ...rows([
      ["Weights", weights],
      [
        "Verified",
        `read back and compared with base and adapter on ${prompts} prompts: largest logit difference ` +
          `${comparison.maxLogitDifference.toPrecision(3)} (largest logit ${comparison.largestLogit.toPrecision(3)}), ` +
          `KL ${comparison.klDivergence.toExponential(2)} nats`,
      ],
      ["Run", `\`${adapter.runHash}\``],
    ]),
    "",
  ];
  return lines.join("\n");
}

type Fact = [string, string];

const rows = (facts: readonly Fact[]) => facts.map(([what, value]) => `| ${what} | ${value} |`);

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function trainingFacts(figures: TrainFigures): Fact[] {
  const { evaluationBefore: before, evaluationAfter: after, evalLoss, evalRewardAccuracy: accuracy } = figures;
  const facts: Fact[] = [
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
