import assert from "node:assert/strict";
import { test } from "node:test";
import { plotLines, plotSvg } from "./curvePlot.ts";

const falling = { label: "a", points: [0, 1, 2, 3].map((step) => ({ step: step * 10, value: 4 - step })) };
const flat = { label: "b <&>", points: [{ step: 30, value: 2.5 }] };

test("curves are drawn on the same axes, with their first and last values", () => {
  const lines = plotLines([falling, flat], 40, 7);
  assert.equal(lines.length, 7 + 2 + 2);
  assert.ok(lines.every((line) => [...line].length <= 40));
  assert.match(lines[0] ?? "", /^4\.000 ┤●$/);
  assert.match(lines[6] ?? "", /^1\.000 ┤ +●$/);
  assert.match(lines.join("\n"), /┤ +○$/m);
  assert.match(lines[8] ?? "", /^ +0 +step 30$/);
  assert.deepEqual(lines.slice(9), ["  ● a  4.000 → 1.000", "  ○ b <&>  2.500 → 2.500"]);
});

test("one value, and no point at all, are drawn too", () => {
  assert.match(plotLines([flat], 40).join("\n"), /○|●/);
  assert.deepEqual(plotLines([], 40), ["no points"]);
  assert.match(plotSvg("none", []), /<\/svg>\n$/);
});

test("the SVG has a line and a legend for each series, and escapes names", () => {
  const svg = plotSvg("x & y", [falling, flat]);
  assert.equal(svg.match(/<polyline/g)?.length, 2);
  assert.match(svg, /b &lt;&amp;&gt; {2}2\.500/);
  assert.doesNotMatch(svg, /NaN|Infinity/);
});
