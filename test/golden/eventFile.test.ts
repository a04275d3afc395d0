/** TensorBoard event files beside TensorBoard's own writer and reader (event_file.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { formatProgress, type Progress, parseProgress } from "../../trainer/contract/progress.ts";
import { eventFile } from "../../trainer/training/eventFile.ts";
import { goldenPath } from "./goldens.ts";

const golden = z
  .object({
    lines: z.array(z.looseObject({ phase: z.literal("Training") })),
    base64: z.base64(),
    scalars: z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))),
  })
  .parse(JSON.parse(readFileSync(goldenPath("event-file.json"), "utf8")));

const lines: readonly Progress[] = golden.lines.map((line) => {
  const { phase, ...rest } = line;
  const parsed = parseProgress(JSON.stringify({ phase, ...rest }));
  assert.ok(parsed, JSON.stringify(line));
  return parsed;
});

test("an event file has the bytes of TensorBoard's own writer", () => {
  assert.ok(eventFile(lines).equals(Buffer.from(golden.base64, "base64")));
});

test("TensorBoard's reader found the scalars of the lines in those bytes", () => {
  assert.deepEqual(
    golden.scalars["train/loss"],
    lines.map(({ done, loss }) => [done, Math.fround(loss ?? Number.NaN)]),
  );
  assert.equal(golden.scalars["eval/loss"]?.length, 2);
  assert.equal(Object.keys(golden.scalars).length, 10);
});

test("the file of a longer curve begins with the bytes of a shorter one's", () => {
  const [short, whole] = [eventFile(lines.slice(0, 7)), eventFile(lines)];
  assert.ok(whole.subarray(0, short.length).equals(short));
  assert.equal(eventFile([]).length, 0);
  assert.equal(formatProgress(lines[0]!).startsWith('{"phase"'), true);
});
