/** Formats what an adapter learnt for people. Pure. */
import { formatFigure } from "../../terminal/format.ts";
import { sparkline } from "../../terminal/sparkline.ts";
import { table } from "../../terminal/table.ts";
import type { SiteInspection } from "../../trainer/inspection/inspect.ts";

export interface Inspection {
  readonly method: string;
  readonly sites: readonly SiteInspection[];
  readonly advice: readonly string[];
}

/** Columns of the curve of singular values. */
const curveWidth = 16;

export function inspectionLines({ method, sites, advice }: Inspection): string[] {
  const hasBase = sites.some(({ base }) => base !== undefined);
  const hasOther = sites.some(({ overlap }) => overlap !== undefined);
  const head = [
    "matrix",
    "singular values",
    "largest",
    "effective rank",
    "for 99 %",
    "‖ΔW‖",
    ...(hasBase ? ["‖ΔW‖/‖W‖", "amplified"] : []),
    ...(hasOther ? ["φ inputs", "φ outputs"] : []),
  ];
  const rows = sites.map((site) => [
    site.name,
    sparkline(site.singularValues, curveWidth),
    formatFigure(site.singularValues[0] ?? 0),
    site.effectiveRank.toFixed(1),
    site.rank99 === undefined ? `> ${site.singularValues.length}` : String(site.rank99),
    formatFigure(site.norm),
    ...(hasBase ? baseCells(site) : []),
    ...(hasOther ? overlapCells(site) : []),
  ]);
  return [
    method,
    "",
    ...table([head, ...rows], [2, 3, 4, 5, 6, 7, 8, 9]),
    "",
    ...(hasBase ? ["amplified: ‖ΔW‖/‖UᵀWV‖ in ΔW's directions; × 1 adds as much as W had there"] : []),
    ...(hasOther
      ? ["φ: 1 if the directions of one adapter lie among the other's; by chance the value in parentheses"]
      : []),
    ...advice,
  ];
}

const baseCells = ({ base, norm }: SiteInspection): string[] =>
  base ? [`${((100 * norm) / base.norm).toFixed(2)} %`, `× ${formatFigure(base.factor)}`] : ["", ""];

function overlapCells({ overlap }: SiteInspection): string[] {
  if (!overlap) return ["", ""];
  const whole = (grid: readonly (readonly number[])[]) => grid.at(-1)?.at(-1) ?? 0;
  const { inputs, outputs, byChance } = overlap;
  return [
    `${whole(inputs).toFixed(3)} (${Math.min(1, byChance.inputs).toFixed(3)})`,
    `${whole(outputs).toFixed(3)} (${Math.min(1, byChance.outputs).toFixed(3)})`,
  ];
}
