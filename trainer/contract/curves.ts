/**
 * The curves of a finished training in few points: an Adapter keeps them, so that trainings can be compared without their
 * store. A pod prints them as the last line of its standard output, because a termination message has no room for them; the
 * reader treats the line as untrusted. Pure.
 */
import { z } from "zod";
import type { Progress } from "./progress.ts";

export const curveNames = [
  "Loss",
  "ValidationLoss",
  "GradientNorm",
  "RewardAccuracy",
  "ValidationRewardAccuracy",
] as const;
export type CurveName = (typeof curveNames)[number];

/** Most points of a curve. */
export const mostPoints = 200;

const points = z
  .string()
  .max(6000)
  .regex(/^[0-9]+:-?[0-9.]+(e[-+]?[0-9]+)?( [0-9]+:-?[0-9.]+(e[-+]?[0-9]+)?)*$/)
  .meta({ description: "STEP:VALUE, separated by spaces." });

export const curve = z.object({ name: z.enum(curveNames).meta({ description: "Name of the curve." }), points });
export type Curve = z.infer<typeof curve>;

export interface Point {
  readonly step: number;
  readonly value: number;
}

const members: Readonly<Record<CurveName, (line: Progress) => number | undefined>> = {
  Loss: ({ loss }) => loss,
  ValidationLoss: ({ evalLoss }) => evalLoss,
  GradientNorm: ({ gradNorm }) => gradNorm,
  RewardAccuracy: ({ rewardAccuracy }) => rewardAccuracy,
  ValidationRewardAccuracy: ({ evalRewardAccuracy }) => evalRewardAccuracy,
};

/** Every point of each curve that the lines of metrics.jsonl have. */
export function pointsOf(lines: readonly Progress[]): { name: CurveName; points: Point[] }[] {
  const steps = lines.filter(({ phase }) => phase === "Training");
  return curveNames.flatMap((name) => {
    const points = steps.flatMap((line) => {
      const value = members[name](line);
      return value === undefined ? [] : [{ step: line.done, value }];
    });
    return points.length === 0 ? [] : [{ name, points }];
  });
}

/**
 * At most `most` points: of more, equal groups are averaged, and a point has the last step of its group. The last point of a
 * reduced curve is therefore a mean too.
 */
export function reduced(points: readonly Point[], most: number = mostPoints): readonly Point[] {
  if (points.length <= most) return points;
  return Array.from({ length: most }, (_, index) => {
    const [from, to] = [index, index + 1].map((one) => Math.floor((one * points.length) / most));
    const group = points.slice(from, to);
    return {
      step: group.at(-1)?.step ?? 0,
      value: group.reduce((sum, { value }) => sum + value, 0) / group.length,
    };
  });
}

/** The curves of metrics.jsonl, reduced, in four significant digits. */
export function curvesOf(lines: readonly Progress[]): Curve[] {
  const text = ({ step, value }: Point) => `${step}:${Number(value.toPrecision(4))}`;
  return pointsOf(lines).map(({ name, points }) => ({ name, points: reduced(points).map(text).join(" ") }));
}

/** The points of a kept curve. */
export function readPoints({ points }: Pick<Curve, "points">): Point[] {
  return points.split(" ").map((pair) => {
    const [step, value] = pair.split(":").map(Number);
    return { step: step ?? Number.NaN, value: value ?? Number.NaN };
  });
}

const line = z.object({ curves: z.array(curve).max(curveNames.length), runHash: z.string().max(80) });

/** Writes `curves` first: `parseCurves` recognises the line by its beginning. */
export const formatCurves = (runHash: string, curves: readonly Curve[]): string => JSON.stringify({ curves, runHash });

/** The curves of this run in a log's line; undefined if it is another line, or of another run. */
export function parseCurves(text: string, runHash: string): Curve[] | undefined {
  if (!text.startsWith('{"curves"') || text.length > 32_768) return undefined;
  try {
    const parsed = line.safeParse(JSON.parse(text));
    if (!parsed.success || parsed.data.runHash !== runHash) return undefined;
    const { curves } = parsed.data;
    const distinct = new Set(curves.map(({ name }) => name)).size === curves.length;
    return distinct && curves.every((one) => readPoints(one).length <= mostPoints) ? curves : undefined;
  } catch {
    return undefined;
  }
}
