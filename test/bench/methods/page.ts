/** The page and the plot of the comparison of methods. Pure. */
import { formatBytes, formatCount } from "../../../terminal/format.ts";
import { type Budget, methodEntries } from "./settings.ts";

/** One training. */
export interface Trained {
  /** Exact match on held-out examples, 0 to 1. */
  readonly score: number;
  /** Validation loss of the kept weights, in nats per token. */
  readonly loss: number;
  readonly trainableParameters: number;
  readonly adapterBytes: number;
}

/** Speed and memory of a short training on a quiet machine. */
export interface Speed {
  readonly peakBytes: number;
  readonly tokensPerSecond: number;
}

/** Milliseconds of a decoded token, for one answer and for sixteen at a time. */
export interface Latency {
  readonly one: number;
  readonly many: number;
}

export type MethodResult = {
  readonly name: string;
  readonly kind: string;
  readonly learningRate: string;
} & (
  | {
      readonly trained: readonly Trained[];
      readonly speed: Speed;
      /** Missing for a quantised base: decoding is compared on the base as it is. */
      readonly latency: Latency | undefined;
      readonly merges: boolean;
      readonly refusal?: undefined;
    }
  | { readonly refusal: string }
);

export interface Facts {
  readonly base: string;
  /** Scores of the base, and of always giving the commonest answer. */
  readonly before: number;
  readonly majority: number;
  /** Held-out examples that are scored. */
  readonly examples: number;
  /** Latency of the base alone. */
  readonly latency: Latency;
  readonly machine: string;
}

/** The page; `sections` are of one base each. */
export function page(sections: readonly string[]): string {
  return [
    "# Methods compared",
    "",
    "Every method on one task, spam or ham (the demo's data), under one budget for each base. The tables show means of the seeds ±",
    "half of their spread. `npm run bench -- --methods` measures and writes this page (`--real` adds SmolLM2-135M-Instruct), and",
    "keeps finished trainings; the timings need an idle machine. [Methods](methods/README.md) explains the methods.",
    "",
    "- *rate*: the learning rate. For the demo's base it is, of the values 1 and 3 × 10^k, the one with the lowest validation loss",
    "  at seed 1 (`npm run bench -- --methods --rates`), for another base the value below that. The other settings are in",
    "  `test/bench/methods/settings.ts` and were not searched for.",
    "- *decode*: milliseconds of a decoded token with the adapter beside the base, for one answer and for sixteen at a time (as the",
    "  LoRA paper's table 1). *merged*: the same after `luthier export`; a merged model runs the base's own program. Prefixes and",
    "  prompts cannot be merged, and bottleneck adapters are layers of their own.",
    "- *NF4*: the base is quantised; the others train on its BF16. Decoding was not measured for these.",
    "- *tokens/s* and *peak memory*: of a short training of its own without evaluations; memory is resident, and of the demo's base",
    "  most is the process itself.",
    "- *adapter*: bytes of the result's directory, for `full` the whole model.",
    "- A score of 0 %: always giving one of the two words scores more, so such a model answers with something else. Sixteen steps are",
    "  a small budget for SmolLM2: single trainings end so, and the seeds of the other methods differ by up to 25 points.",
    "- `xlora` is not in the tables: it mixes adapters that were trained before, so that its budget is not comparable.",
    ...Object.values(methodEntries).flatMap((entries) =>
      Object.entries(entries).flatMap(([name, { note }]) => (note === undefined ? [] : [`- \`${name}\`: ${note}`])),
    ),
    "",
    ...sections,
  ].join("\n");
}

/** The table of one base. `image`: the file of its plot in docs/images. */
export function section(results: readonly MethodResult[], facts: Facts, budget: Budget, image: string): string {
  const { steps, batchTokens, maxSequenceLength, seeds } = budget;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const title = facts.base.replace(/^t/, "T");
  const head = [
    "method",
    "rate",
    "exact match",
    "validation loss",
    "trained",
    "adapter",
    "peak memory",
    "tokens/s",
    "decode, 1",
    "decode, 16",
    "merged, 1",
    "merged, 16",
  ];
  return [
    `## ${title}`,
    "",
    `${steps} steps of ${batchTokens} tokens (rows of ${maxSequenceLength}), ${seeds} seeds, scored on ${facts.examples} held-out examples. Before the training`,
    `the score is ${percent(facts.before)}; always giving the commonest answer scores ${percent(facts.majority)}. Machine: ${facts.machine}.`,
    "",
    `![Exact match over trained parameters](images/${image})`,
    "",
    ...markdownTable([head, ...results.map((result) => row(result, facts))]),
    "",
  ].join("\n");
}

function row(result: MethodResult, { latency: base }: Facts): string[] {
  const name = `[\`${result.name}\`](methods/${result.kind}.md)`;
  if (result.refusal !== undefined) return [name, "–", result.refusal, ...Array<string>(9).fill("")];
  const { trained, speed, latency, merges } = result;
  const of = (pick: (one: Trained) => number) => trained.map(pick);
  const mean = (pick: (one: Trained) => number) => average(of(pick));
  return [
    name,
    result.learningRate,
    `${spread(
      of(({ score }) => 100 * score),
      1,
    )} %`,
    spread(
      of(({ loss }) => loss),
      3,
    ),
    formatCount(mean(({ trainableParameters }) => trainableParameters)),
    formatBytes(Math.round(mean(({ adapterBytes }) => adapterBytes))),
    formatBytes(speed.peakBytes),
    formatCount(speed.tokensPerSecond),
    latency?.one.toPrecision(3) ?? "–",
    latency?.many.toPrecision(3) ?? "–",
    ...(merges ? [base.one.toPrecision(3), base.many.toPrecision(3)] : ["–", "–"]),
  ];
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** "mean ± half of the range" */
const spread = (values: readonly number[], digits: number): string =>
  `${average(values).toFixed(digits)} ± ${((Math.max(...values) - Math.min(...values)) / 2).toFixed(digits)}`;

function markdownTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => [...(cells[column] ?? "")].length)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(rows[0]!), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)];
}

const [width, height] = [760, 420];
const margin = { left: 56, right: 130, top: 24, bottom: 44 };

/** Exact match over trained parameters, on a logarithmic axis, with the spread of the seeds. */
export function plot(results: readonly MethodResult[]): string {
  const points = results.flatMap((result) => {
    if (result.refusal !== undefined) return [];
    const scores = result.trained.map(({ score }) => 100 * score);
    return [{ name: result.name, parameters: result.trained[0]!.trainableParameters, scores }];
  });
  const decades = points.map(({ parameters }) => Math.log10(parameters));
  const [low, high] = [Math.floor(Math.min(...decades)), Math.ceil(Math.max(...decades) + 1e-9)];
  const x = (parameters: number) =>
    margin.left + ((Math.log10(parameters) - low) / Math.max(1, high - low)) * (width - margin.left - margin.right);
  const y = (score: number) => height - margin.bottom - (score / 100) * (height - margin.top - margin.bottom);
  const grid = [0, 20, 40, 60, 80, 100].map(
    (score) =>
      `<path stroke="#ddd" d="M${margin.left} ${y(score).toFixed(1)}H${width - margin.right}"/>` +
      `<text x="${margin.left - 6}" y="${(y(score) + 4).toFixed(1)}" text-anchor="end">${score} %</text>`,
  );
  const axis = Array.from({ length: high - low + 1 }, (_, i) => low + i).map(
    (decade) =>
      `<text x="${x(10 ** decade).toFixed(1)}" y="${height - margin.bottom + 18}" text-anchor="middle">${formatCount(10 ** decade)}</text>`,
  );
  const marks = points.map(({ name, parameters, scores }) => {
    const [px, py] = [x(parameters).toFixed(1), y(average(scores)).toFixed(1)];
    const bar = `<path stroke="#3465a4" d="M${px} ${y(Math.min(...scores)).toFixed(1)}V${y(Math.max(...scores)).toFixed(1)}"/>`;
    return `${bar}<circle cx="${px}" cy="${py}" r="4" fill="#3465a4"/><text x="${(Number(px) + 8).toFixed(1)}" y="${(Number(py) + 4).toFixed(1)}">${name}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    "<title>Exact match of each method over its trained parameters</title>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...grid,
    ...axis,
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 8}" text-anchor="middle">trained parameters</text>`,
    ...marks,
    "</svg>\n",
  ].join("\n");
}
