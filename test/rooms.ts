/**
 * Draws the picture of the rooms in docs/architecture.md from the imports:
 *
 *     node tools/node24.mjs test/rooms.ts     writes it into the page
 *
 * An arrow points from a room to a room that it imports. Arrows that follow from others are omitted (the transitive
 * reduction), so that a path between two rooms is a direct or indirect import of one by the other.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type ImportGraph, reachable, readImports, roomsOf, root } from "./imports.ts";

export const page = path.join(root, "docs/architecture.md");
const begin = "<!-- rooms: begin; `node tools/node24.mjs test/rooms.ts` draws them -->";
const end = "<!-- rooms: end -->";

/** The rooms of the product; the picture omits the imports of tests, demo and tools. */
const product = /^(operator|trainer|cli|terminal)(\/|$)/;

/** Room → rooms that it imports and no other imported room reaches. */
function reduced(rooms: ImportGraph): ImportGraph {
  const drawn = [...rooms.keys()].filter((room) => product.test(room) && !room.endsWith(".ts"));
  return new Map(
    drawn.map((room) => {
      const targets = (rooms.get(room) ?? []).filter((target) => drawn.includes(target));
      const others = (target: string) => targets.filter((other) => other !== target);
      return [room, targets.filter((target) => !others(target).some((other) => reachable(rooms, other).has(target)))];
    }),
  );
}

const idOf = (room: string) => room.replaceAll("/", "_");

export function drawRooms(rooms: ImportGraph = roomsOf(readImports())): string {
  const arrows = reduced(rooms);
  const tops = [...new Set([...arrows.keys()].map((room) => room.split("/")[0] ?? ""))].sort();
  const boxes = tops.flatMap((top) => [
    `  subgraph ${top}_ [${top}]`,
    ...[...arrows.keys()].filter((room) => room.split("/")[0] === top).map((room) => `    ${idOf(room)}["${room}"]`),
    "  end",
  ]);
  const lines = [...arrows].flatMap(([room, targets]) => targets.map((to) => `  ${idOf(room)} --> ${idOf(to)}`));
  return ["```mermaid", "graph TD", ...boxes, ...lines, "```"].join("\n");
}

/** The page with `drawing` between its two markers. */
export function withDrawing(text: string, drawing: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} lacks the markers of the rooms: add "${begin}" and "${end}"`);
  return `${text.slice(0, from + begin.length)}\n\n${drawing}\n\n${text.slice(to)}`;
}

if (import.meta.main) writeFileSync(page, withDrawing(readFileSync(page, "utf8"), drawRooms()));
