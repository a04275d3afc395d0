/** Spectra of an adapter's updates as an SVG: a row of bars per matrix, each bar a singular value. Pure. */
import type { Inspection } from "./inspectView.ts";
import { escaped } from "./svg.ts";

const [width, rowHeight, left, right, top] = [900, 34, 330, 150, 40];
/** Bars of a matrix; further values are not drawn. */
const mostBars = 64;

export function inspectionSvg({ method, sites }: Inspection): string {
  const height = top + rowHeight * sites.length + 16;
  const largest = Math.max(0, ...sites.map(({ singularValues }) => singularValues[0] ?? 0));
  const room = width - left - right;
  const rows = sites.flatMap(({ name, singularValues, effectiveRank, base }, index) => {
    const y = top + rowHeight * index;
    const shown = singularValues.slice(0, mostBars);
    const step = Math.min(14, room / Math.max(1, shown.length));
    const bars = shown.map((value, k) => {
      const size = largest === 0 ? 0 : (value / largest) * (rowHeight - 6);
      const x = left + step * k;
      return `<rect x="${x.toFixed(1)}" y="${(y + rowHeight - 3 - size).toFixed(1)}" width="${(0.8 * step).toFixed(1)}" height="${size.toFixed(1)}"/>`;
    });
    const facts = [`rank ${effectiveRank.toFixed(1)}`, ...(base ? [`× ${base.factor.toPrecision(3)}`] : [])].join(", ");
    return [
      `<text x="${left - 8}" y="${y + 22}" text-anchor="end">${escaped(name)}</text>`,
      `<g fill="#3465a4">${bars.join("")}</g>`,
      `<text x="${width - right + 8}" y="${y + 22}" fill="#555">${facts}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    "<title>Singular values of an adapter's updates</title>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="8" y="20" font-weight="bold">${escaped(method)}</text>`,
    ...rows,
    "</svg>\n",
  ].join("\n");
}
