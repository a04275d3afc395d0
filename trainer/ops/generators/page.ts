/** The table of ops in docs/engine.md, between its two markers. */
import { isComputing, type ListedOp } from "../index.ts";

const [begin, end] = ["<!-- ops: generated -->", "<!-- /ops -->"];

/** The page with the table of these definitions. */
export function withTable(page: string, ops: readonly ListedOp[]): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/engine.md has no ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${table(ops)}\n${page.slice(to)}`;
}

function table(ops: readonly ListedOp[]): string {
  const rows = [["op", "operands (in, then in-out, then out)", "meaning"], ...ops.map(row)];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((cells) => [...(cells[column] ?? "")].length)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |\n`;
  const [head = [], ...body] = rows;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |\n`, ...body.map(line)].join("");
}

function row(op: ListedOp): string[] {
  if (!isComputing(op)) return [op.name, "any tensors", "see above"];
  const words = (access: string, suffix = "") =>
    op.operands
      .filter((operand) => operand.access === access)
      .map(({ name, type, terms, optional, count }) => {
        const times = count === undefined ? "" : `×${count}`;
        return `${name}${optional ? "?" : ""} ${type}[${shown(terms)}]${times}${suffix}`;
      });
  const attributes = Object.entries(op.attributes)
    .map(([name, { optional }]) => `${name}${optional ? "?" : ""}`)
    .join(", ");
  const before = [...words("in"), ...words("inOut", " +=")].join(", ");
  const after = words("out").join(", ");
  const operands = after === "" ? before : `${before} → ${after}`;
  return [attributes === "" ? op.name : `${op.name} [${attributes}]`, operands.trim(), op.meaning].map(escaped);
}

const shown = (terms: readonly string[]): string => terms.map((term) => term.replace(/(?<=.)\*/, "·")).join(",");

/** Markdown reads `*` and `_` as emphasis, and `|` as the end of a cell. */
const escaped = (text: string): string => text.replaceAll(/[|*_]/g, "\\$&");
