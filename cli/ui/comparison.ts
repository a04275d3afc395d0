/** Trainings side by side: their figures, and the settings and inputs in which they differ. Pure. */

import type { Results } from "../../operator/api/common.ts";
import { formatBytes, formatCount, formatDuration } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import { changesOf, pathText, valueText } from "../changes.ts";

export interface Compared {
  readonly name: string;
  readonly state: string;
  readonly settings: object | undefined;
  readonly inputs: Readonly<Record<string, string | undefined>>;
  readonly results: Results | undefined;
}

export interface Difference {
  /** A setting, or an input. */
  readonly path: string;
  /** One of each training, in their order; undefined: it has none, or they are unknown. */
  readonly values: readonly unknown[];
}

/** The settings and inputs in which any training differs from the first one. */
export function differences(trainings: readonly Compared[]): Difference[] {
  const objects = trainings.map(({ settings, inputs }) => ({ settings, inputs }));
  const known = objects.filter(({ settings }) => settings !== undefined);
  const paths = new Map<string, readonly (string | number)[]>();
  const note = (before: unknown, after: unknown, under: string) => {
    for (const { path } of changesOf(before, after, [under])) paths.set(pathText(path), path);
  };
  for (const one of known.slice(1)) note(known[0]?.settings, one.settings, "settings");
  for (const one of objects.slice(1)) note(objects[0]?.inputs, one.inputs, "inputs");
  return [...paths].map(([path, parts]) => ({
    path: path.replace(/^settings\./, ""),
    values: objects.map((one) => parts.reduce(memberOf, one)),
  }));
}

function memberOf(value: unknown, part: string | number): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined;
}

export function comparisonLines(trainings: readonly Compared[]): string[] {
  const unknown = trainings.filter(({ settings }) => settings === undefined).map(({ name }) => name);
  const rows = differences(trainings).map(({ path, values }) => [path, ...values.map(shortText)]);
  const names = trainings.map(({ name }) => name);
  return [
    ...table([["", ...names], ["state", ...trainings.map(({ state }) => state)], ...figureRows(trainings)]),
    "",
    ...(rows.length === 0 ? ["The settings and inputs are the same."] : table([["differs", ...names], ...rows])),
    ...(unknown.length === 0 ? [] : [`The settings of ${unknown.join(", ")} are unknown: the FineTuneRun is gone.`]),
  ];
}

const mostCharacters = 44;

function shortText(value: unknown): string {
  const text = valueText(value).replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, "$1…");
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`;
}

type Figure = (results: Results) => string | undefined;

const figures: readonly (readonly [string, Figure])[] = [
  ["steps", ({ steps, bestStep }) => (bestStep === steps ? `${steps}` : `${steps} (kept: ${bestStep})`)],
  ["loss", ({ loss }) => loss],
  ["validation loss", ({ evalLoss }) => evalLoss],
  ["preferences right", ({ evalRewardAccuracy }) => evalRewardAccuracy],
  ["exact match before", ({ evaluation }) => evaluation?.before],
  ["exact match after", ({ evaluation }) => evaluation?.after],
  ["trained parameters", ({ trainableParameters }) => formatCount(trainableParameters)],
  ["trained tokens", ({ trainedTokens }) => formatCount(trainedTokens)],
  ["tokens/s", ({ tokensPerSecond }) => formatCount(Number(tokensPerSecond))],
  ["time", ({ seconds }) => formatDuration(Number(seconds))],
  ["peak memory", ({ measuredPeakBytes }) => formatBytes(measuredPeakBytes)],
  ["adapter", ({ adapterBytes }) => formatBytes(adapterBytes)],
];

function figureRows(trainings: readonly Compared[]): string[][] {
  const further = [
    ...new Set(trainings.flatMap(({ results }) => (results?.evaluation?.metrics ?? []).map(({ metric }) => metric))),
  ].map((name): readonly [string, Figure] => [
    `${name} after`,
    ({ evaluation }) => evaluation?.metrics?.find(({ metric }) => metric === name)?.after,
  ]);
  return [...figures, ...further].flatMap(([label, figure]) => {
    const cells = trainings.map(({ results }) => (results === undefined ? undefined : figure(results)));
    return cells.every((cell) => cell === undefined) ? [] : [[label, ...cells.map((cell) => cell ?? "–")]];
  });
}
