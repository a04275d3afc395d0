/**
 * An adapter's updates as an SVG: a row for each matrix with a bar for each singular value, its ranks and amplification, and the
 * overlap with another adapter as a map of φ(i, j); the advice is below. Pure.
 */
import type { Overlap, SiteInspection } from "../../trainer/inspection/inspect.ts";
import type { Inspection } from "./inspectView.ts";
import { escaped } from "./svg.ts";

const [left, barsWidth, factsWidth, mapWidth, top] = [330, 420, 180, 130, 56];
const [plainHeight, mapHeight, lineHeight, margin] = [34, 48, 18, 8];
/** Bars of a matrix; further values are not drawn. */
const mostBars = 64;
/** Rows and columns of a map; of more directions, evenly spread ones are drawn, the last among them. */
const mostCells = 8;

interface Frame {
  readonly width: number;
  readonly rowHeight: number;
  /** Where the maps of inputs and of outputs begin. */
  readonly maps: readonly [number, number];
  /** The largest singular value of all matrices. */
  readonly largest: number;
}

export function inspectionSvg({ method, sites, advice }: Inspection): string {
  const hasOther = sites.some(({ overlap }) => overlap !== undefined);
  const first = left + barsWidth + factsWidth;
  const frame: Frame = {
    width: first + (hasOther ? 2 * mapWidth : 0),
    rowHeight: hasOther ? mapHeight : plainHeight,
    maps: [first, first + mapWidth],
    largest: Math.max(0, ...sites.map(({ singularValues }) => singularValues[0] ?? 0)),
  };
  const words = [...(hasOther ? [legend] : []), ...advice].flatMap((line) => wrapped(line, frame.width - 2 * margin));
  const end = top + frame.rowHeight * sites.length + margin;
  const height = end + lineHeight * words.length + 2 * margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${height}" font-family="sans-serif" font-size="12">`,
    "<title>Singular values of an adapter's updates</title>",
    `<rect width="${frame.width}" height="${height}" fill="#fff"/>`,
    text(margin, 20, method, 'font-weight="bold"'),
    ...headings(sites, frame),
    ...sites.flatMap((site, index) => rowOf(site, top + frame.rowHeight * index, frame)),
    ...words.map((line, index) => text(margin, end + lineHeight * (index + 1), line)),
    "</svg>\n",
  ].join("\n");
}

const legend =
  "φ(i, j) of the first i directions of this adapter (downwards) and the first j of the other one: white 0, blue 1; in parentheses the value of all by chance.";

function headings(sites: readonly SiteInspection[], { maps }: Frame): string[] {
  const hasBase = sites.some(({ base }) => base !== undefined);
  const hasOther = sites.some(({ overlap }) => overlap !== undefined);
  const grey = 'fill="#555"';
  return [
    text(left - margin, top - 8, "matrix", `text-anchor="end" ${grey}`),
    text(left, top - 8, "singular values of ΔW", grey),
    text(left + barsWidth, top - 8, hasBase ? "effective rank, amplified" : "effective rank", grey),
    ...(hasOther ? [text(maps[0], top - 8, "φ inputs", grey), text(maps[1], top - 8, "φ outputs", grey)] : []),
  ];
}

function rowOf(site: SiteInspection, y: number, { rowHeight, maps, largest }: Frame): string[] {
  const { name, singularValues, effectiveRank, base, overlap } = site;
  const shown = singularValues.slice(0, mostBars);
  const step = Math.min(14, barsWidth / Math.max(1, shown.length));
  const bars = shown.map((value, k) => {
    const size = largest === 0 ? 0 : (value / largest) * (rowHeight - 6);
    return rect(left + step * k, y + rowHeight - 3 - size, 0.8 * step, size);
  });
  const facts = [effectiveRank.toFixed(1), ...(base ? [`× ${base.factor.toPrecision(3)}`] : [])].join(", ");
  const middle = y + rowHeight / 2 + 5;
  return [
    text(left - margin, middle, name, 'text-anchor="end"'),
    `<g fill="#3465a4">${bars.join("")}</g>`,
    text(left + barsWidth, middle, facts, 'fill="#555"'),
    ...(overlap ? mapsOf(overlap, y, middle, maps) : []),
  ];
}

function mapsOf({ inputs, outputs, byChance }: Overlap, y: number, middle: number, at: Frame["maps"]): string[] {
  const size = mapHeight - 6;
  return [[inputs, byChance.inputs, at[0]] as const, [outputs, byChance.outputs, at[1]] as const].flatMap(
    ([grid, chance, x]) => {
      const all = grid.at(-1)?.at(-1) ?? 0;
      return [
        `<g fill="#204a87" shape-rendering="crispEdges">${cellsOf(grid, x, y + 3, size).join("")}</g>`,
        `<rect x="${x}" y="${y + 3}" width="${size}" height="${size}" fill="none" stroke="#999" stroke-width="0.5"/>`,
        text(x + size + 6, middle - 7, all.toFixed(3)),
        text(x + size + 6, middle + 8, `(${Math.min(1, chance).toFixed(3)})`, 'fill="#555"'),
      ];
    },
  );
}

function cellsOf(grid: readonly (readonly number[])[], x: number, y: number, size: number): string[] {
  const rows = spread(grid.length);
  const columns = spread(grid[0]?.length ?? 0);
  const [wide, high] = [size / columns.length, size / rows.length];
  return rows.flatMap((i, row) =>
    columns.map((j, column) => {
      const shade = Math.min(1, Math.max(0, grid[i]?.[j] ?? 0));
      return rect(x + wide * column, y + high * row, wide, high, `fill-opacity="${shade.toFixed(2)}"`);
    }),
  );
}

/** At most `mostCells` places among `count`, evenly spread, with the last one. */
function spread(count: number): number[] {
  const cells = Math.min(count, mostCells);
  return Array.from({ length: cells }, (_, cell) => Math.round(((cell + 1) * count) / cells) - 1);
}

/** Lines of at most about `width` units, broken between words. */
function wrapped(line: string, width: number): string[] {
  const most = Math.floor(width / 6.2);
  const lines: string[] = [];
  for (const word of line.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

const text = (x: number, y: number, words: string, more = ""): string =>
  `<text x="${x}" y="${y}"${more === "" ? "" : ` ${more}`}>${escaped(words)}</text>`;

const rect = (x: number, y: number, width: number, height: number, more = ""): string =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"${more === "" ? "" : ` ${more}`}/>`;
