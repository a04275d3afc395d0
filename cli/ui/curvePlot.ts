/** Curves over steps for a terminal and as an SVG. Pure. */

import { formatFigure } from "../../terminal/format.ts";
import type { Point } from "../../trainer/contract/curves.ts";
import { escaped } from "./svg.ts";

export interface Series {
  readonly label: string;
  readonly points: readonly Point[];
}

const marks = ["●", "○", "+", "×", "▪", "▫", "*", "◇"];

/** Lines of at most `columns` columns: the axes, a mark of each series in every column that has points of it, and a legend. */
export function plotLines(series: readonly Series[], columns: number, rows = 14): string[] {
  const bounds = boundsOf(series);
  if (bounds === undefined) return ["no points"];
  const { lowest, highest, last } = bounds;
  const labels = [formatFigure(highest), formatFigure((highest + lowest) / 2), formatFigure(lowest)];
  const gutter = Math.max(...labels.map(({ length }) => length));
  const width = Math.max(10, columns - gutter - 3);
  const cells = Array.from({ length: rows }, () => Array<string>(width).fill(" "));
  for (const [index, { points }] of series.entries()) {
    for (const [column, value] of columnMeans(points, last, width)) {
      const row = highest === lowest ? rows - 1 : Math.round(((highest - value) / (highest - lowest)) * (rows - 1));
      const cell = cells[row];
      if (cell !== undefined) cell[column] = markOf(index);
    }
  }
  const middle = Math.floor((rows - 1) / 2);
  const labelAt = (row: number) =>
    row === 0 ? labels[0] : row === middle ? labels[1] : row === rows - 1 ? labels[2] : "";
  const steps = `step ${last}`;
  return [
    ...cells.map((cell, row) => `${(labelAt(row) ?? "").padStart(gutter)} ┤${cell.join("").trimEnd()}`),
    `${" ".repeat(gutter)} └${"─".repeat(width)}`,
    `${" ".repeat(gutter + 2)}0${steps.padStart(width - 1)}`,
    ...series.map(({ label, points }, index) => `  ${markOf(index)} ${label}${endWords(points)}`),
  ];
}

const markOf = (index: number) => marks[index % marks.length] ?? "●";

/** The first and the last value. */
function endWords(points: readonly Point[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return "";
  return `  ${formatFigure(first.value)} → ${formatFigure(last.value)}`;
}

/** The mean of the points of each column that has any. */
function columnMeans(points: readonly Point[], last: number, width: number): Map<number, number> {
  const groups = Map.groupBy(points, ({ step }) => Math.min(width - 1, Math.floor((step / Math.max(1, last)) * width)));
  return new Map(
    [...groups].map(([column, group]) => [column, group.reduce((sum, { value }) => sum + value, 0) / group.length]),
  );
}

interface Bounds {
  readonly lowest: number;
  readonly highest: number;
  /** The last step. */
  readonly last: number;
}

function boundsOf(series: readonly Series[]): Bounds | undefined {
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return undefined;
  const values = points.map(({ value }) => value);
  return {
    lowest: values.reduce((a, b) => Math.min(a, b)),
    highest: values.reduce((a, b) => Math.max(a, b)),
    last: points.reduce((most, { step }) => Math.max(most, step), 0),
  };
}

const [width, height] = [720, 360];
const margin = { left: 64, right: 16, top: 34, bottom: 36 };
const colours = ["#3465a4", "#cc3333", "#4e9a06", "#75507b", "#c17d11", "#06989a", "#555753", "#d33682"];
const ticks = 4;

/** A line for each series, and a dot for each point of a series with few. */
export function plotSvg(title: string, series: readonly Series[]): string {
  const { lowest, highest, last } = boundsOf(series) ?? { lowest: 0, highest: 1, last: 1 };
  const x = (step: number) => margin.left + (step / Math.max(1, last)) * (width - margin.left - margin.right);
  const share = (value: number) => (highest === lowest ? 0.5 : (highest - value) / (highest - lowest));
  const y = (value: number) => margin.top + share(value) * (height - margin.top - margin.bottom);
  const at = ({ step, value }: Point) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`;
  const grid = Array.from({ length: ticks + 1 }, (_, index) => lowest + ((highest - lowest) * index) / ticks).flatMap(
    (value) => [
      `<path stroke="#ddd" d="M${margin.left} ${y(value).toFixed(1)}H${width - margin.right}"/>`,
      `<text x="${margin.left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${formatFigure(value)}</text>`,
    ],
  );
  const bottom = height + 18 * series.length;
  const drawn = series.flatMap(({ label, points }, index) => {
    const colour = colours[index % colours.length];
    const line = `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.map(at).join(" ")}"/>`;
    const dot = (point: Point) =>
      `<circle cx="${x(point.step).toFixed(1)}" cy="${y(point.value).toFixed(1)}" r="2.5" fill="${colour}"/>`;
    const legend = height + 18 * index;
    return [
      line,
      ...(points.length > 50 ? [] : points.map(dot)),
      `<rect x="${margin.left}" y="${legend - 9}" width="12" height="4" fill="${colour}"/>`,
      `<text x="${margin.left + 20}" y="${legend - 4}">${escaped(`${label}${endWords(points)}`)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${bottom}" fill="#fff"/>`,
    `<text x="8" y="20" font-weight="bold">${escaped(title)}</text>`,
    ...grid,
    `<text x="${x(0)}" y="${height - 18}">0</text>`,
    `<text x="${x(last)}" y="${height - 18}" text-anchor="end">step ${last}</text>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}
