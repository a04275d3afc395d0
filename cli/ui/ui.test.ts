import assert from "node:assert/strict";
import { test } from "node:test";
import { bar } from "../../terminal/bar.ts";
import { formatBytes, formatCount, formatDuration, formatFigure, formatShare } from "../../terminal/format.ts";
import { createScreen, frame, textBlock } from "../../terminal/screen.ts";
import { sparkline } from "../../terminal/sparkline.ts";
import { clip, displayWidth, table } from "../../terminal/table.ts";

const bars: [number, number, string][] = [
  [0, 4, "░░░░"],
  [1, 4, "████"],
  [0.5, 4, "██░░"],
  [0.25 + 0.25 / 8, 4, "█▏░░"],
  [-1, 3, "░░░"],
  [7, 3, "███"],
  [Number.NaN, 2, "░░"],
];
for (const [fraction, width, drawn] of bars) {
  test(`a bar at ${fraction} of width ${width} is ${drawn}`, () => assert.equal(bar(fraction, width), drawn));
}

test("a bar has its full width for every fraction", () => {
  for (let step = 0; step <= 1000; step += 1) assert.equal([...bar(step / 1000, 17)].length, 17);
});

const curves: [readonly number[], number, string][] = [
  [[], 8, ""],
  [[3], 8, "▁"],
  [[2, 2, 2], 8, "▁▁▁"],
  [[0, 7], 8, "▁█"],
  [[7, 6, 5, 4, 3, 2, 1, 0], 8, "█▇▆▅▄▃▂▁"],
  [[4, 4, 0, 0], 2, "█▁"],
  [[Number.NaN, 1, Number.POSITIVE_INFINITY, 0], 8, "█▁"],
];
for (const [values, width, drawn] of curves) {
  test(`a sparkline of [${values}] in ${width} columns is "${drawn}"`, () =>
    assert.equal(sparkline(values, width), drawn));
}

test("a sparkline of a long history keeps its width and its ends", () => {
  const drawn = sparkline(
    Array.from({ length: 1003 }, (_, step) => -step),
    40,
  );
  assert.equal(drawn.length, 40);
  assert.equal(drawn[0], "█");
  assert.equal(drawn[39], "▁");
});

const quantities: [string, string][] = [
  [formatBytes(0), "0 B"],
  [formatBytes(1023), "1023 B"],
  [formatBytes(1024), "1.00 KiB"],
  [formatBytes(1.5 * 2 ** 30), "1.50 GiB"],
  [formatBytes(9.4 * 1024 * 1024), "9.40 MiB"],
  [formatBytes(250 * 1024 ** 3), "250 GiB"],
  [formatCount(950), "950"],
  [formatCount(6_100), "6.1 k"],
  [formatCount(5_800_000), "5.8 M"],
  [formatDuration(-3), "0 s"],
  [formatDuration(48.4), "48 s"],
  [formatDuration(185), "3 min 05 s"],
  [formatDuration(7620), "2 h 07 min"],
  [formatShare(0.941), "94.1 %"],
  [formatFigure(0), "0"],
  [formatFigure(0.48231), "0.4823"],
  [formatFigure(1.234e-7), "1.23e-7"],
];
for (const [actual, expected] of quantities) {
  test(`a quantity reads "${expected}"`, () => assert.equal(actual, expected));
}

test("a table aligns its columns and ignores colour codes", () => {
  assert.deepEqual(
    table(
      [
        ["weights", "11 MiB"],
        ["\x1b[1mio\x1b[0m", "9 B"],
      ],
      [1],
    ),
    ["weights  11 MiB", "\x1b[1mio\x1b[0m          9 B"],
  );
  assert.equal(displayWidth("\x1b[32m✓\x1b[39m ok"), 4);
  assert.equal(clip("abcdef", 4), "abc…");
  assert.equal(clip("abc", 4), "abc");
});

test("a table may have as many rows as a store has files", () => {
  const rows = Array.from({ length: 130_000 }, (_, index) => [String(index), "x"]);
  assert.equal(table(rows, [0])[7], "     7  x");
});

const block = (text: string) => ({ lines: () => [text], summary: () => text });

test("without a terminal a block is one plain line, at most every five seconds", () => {
  const written: string[] = [];
  let clock = 0;
  const screen = createScreen({ write: (text: string) => written.push(text) }, () => clock);
  for (; clock < 9000; clock += 1000) screen.show(block(`at ${clock}`));
  screen.show(block("at the end"), "now");
  screen.clear();
  assert.deepEqual(written, ["at 0\n", "at 5000\n", "at the end\n"]);
});

test("on a terminal a block is redrawn in place and printed lines appear above it", () => {
  const written: string[] = [];
  const screen = createScreen({ isTTY: true, columns: 80, write: (text: string) => written.push(text) });
  screen.show(block("one"));
  screen.print("note");
  screen.clear();
  assert.deepEqual(written, ["\r\x1b[Jone\n", "\x1b[1A\r\x1b[Jnote\none\n", "\x1b[1A\r\x1b[J"]);
  assert.equal(frame(2, ["a", "b"]), "\x1b[2A\r\x1b[Ja\nb\n");
});

test("a message takes one row of a narrow terminal, and is complete in a log", () => {
  const message = textBlock(["its pod waits:\n  0/1 nodes are available", "\x1b[31mshort"]);
  assert.deepEqual(message.lines(20), ["its pod waits: 0/1 …", "short"]);
  assert.equal(message.summary(), "its pod waits: 0/1 nodes are available\nshort");
});

test("a terminal of unknown width is treated as one of 80 columns", () => {
  const written: string[] = [];
  const screen = createScreen({ isTTY: true, columns: 0, write: (text: string) => written.push(text) });
  screen.show(textBlock(["x".repeat(100)]));
  assert.equal([...(written[0] ?? "")].filter((letter) => letter === "x").length, 78);
});
