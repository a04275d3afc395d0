/**
 * The training's curve: reduces the trainer's metrics to a readable table and a picture. Pure.
 */
import type { Progress } from "../../trainer/contract/progress.ts";

export interface CurvePoint {
  step: number;
  /** Mean training loss (nats a token) since the point before; validation loss where it was computed. */
  loss: number | undefined;
  evalLoss: number | undefined;
}

/** One point per `steps` steps, the last for the remaining ones, from the "Training" lines of metrics.jsonl. */
export function reduceMetrics(lines: readonly Progress[], steps: number): CurvePoint[] {
  const groups = Map.groupBy(
    lines.filter(({ phase, loss, evalLoss }) => phase === "Training" && (loss ?? evalLoss) !== undefined),
    ({ done, total }) => Math.min(total, Math.ceil(Math.max(1, done) / steps) * steps),
  );
  return [...groups].map(([step, group]) => ({
    step,
    loss: mean(group.flatMap(({ loss }) => loss ?? [])),
    evalLoss: group.findLast(({ evalLoss }) => evalLoss !== undefined)?.evalLoss,
  }));
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function curveCsv(points: readonly CurvePoint[]): string {
  const cell = (value: number | undefined) => value?.toFixed(4) ?? "";
  const rows = points.map(({ step, loss, evalLoss }) => `${step},${cell(loss)},${cell(evalLoss)}`);
  return `${["step,loss,evalLoss", ...rows].join("\n")}\n`;
}

const width = 640;
const height = 320;
const margin = { left: 48, right: 16, top: 16, bottom: 36 };

/** Loss over steps as an SVG: the training loss as a line, the validation loss as dots. */
export function curveSvg(points: readonly CurvePoint[]): string {
  const losses = points.flatMap(({ loss, evalLoss }) => [loss ?? [], evalLoss ?? []].flat());
  const low = Math.floor(Math.min(...losses));
  const high = Math.ceil(Math.max(...losses));
  const lastStep = Math.max(...points.map(({ step }) => step));
  const x = (step: number) => margin.left + (step / lastStep) * (width - margin.left - margin.right);
  const y = (loss: number) => margin.top + ((high - loss) / (high - low)) * (height - margin.top - margin.bottom);
  const at = (step: number, loss: number) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`;
  const line = points.flatMap(({ step, loss }) => (loss === undefined ? [] : [at(step, loss)])).join(" ");
  const dots = points.flatMap(({ step, evalLoss }) =>
    evalLoss === undefined ? [] : [`<circle cx="${x(step).toFixed(1)}" cy="${y(evalLoss).toFixed(1)}" r="3"/>`],
  );
  const grid = Array.from({ length: high - low + 1 }, (_, i) => low + i).map(
    (loss) =>
      `<path stroke="#ddd" d="M${margin.left} ${y(loss).toFixed(1)}H${width - margin.right}"/>` +
      `<text x="${margin.left - 8}" y="${(y(loss) + 4).toFixed(1)}" text-anchor="end">${loss}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    "<title>Loss of the base model's training over its steps</title>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...grid,
    `<polyline fill="none" stroke="#36c" stroke-width="1.5" points="${line}"/>`,
    `<g fill="#c33">${dots.join("")}</g>`,
    `<text x="${x(0)}" y="${height - 12}">0</text>`,
    `<text x="${x(lastStep)}" y="${height - 12}" text-anchor="end">${lastStep} steps</text>`,
    `<text x="${width / 2}" y="${height - 12}" text-anchor="middle">loss in nats a token: training (line), held out (dots)</text>`,
    "</svg>",
    "",
  ].join("\n");
}
