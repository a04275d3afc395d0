/** Aligned columns for a terminal. Pure; widths count code points without colour codes. */
import { stripVTControlCharacters } from "node:util";

export function displayWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Rows of cells, two spaces between columns; columns whose index is in `right` are right-aligned. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => align(cell, widths[column] ?? 0, right.includes(column)))
      .join("  ")
      .trimEnd(),
  );
}

function align(cell: string, width: number, right: boolean): string {
  const space = " ".repeat(width - displayWidth(cell));
  return right ? space + cell : cell + space;
}

/** Clips the text to `width` columns and marks the cut with "…". Only for text without colour codes. */
export function clip(text: string, width: number): string {
  const points = [...text];
  return points.length <= width ? text : `${points.slice(0, Math.max(0, width - 1)).join("")}…`;
}
