/**
 * Prepare streams its data: a separate process with a small heap prepares a file that is larger than its memory. Most of each
 * row is an unknown field, so that the file is large and the work small.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
import { writeConversations } from "./bench/dataFile.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const result = z.object({
  peakBytes: z.number(),
  encoderBytes: z.number(),
  dataset: z.object({ examples: z.number(), tokens: z.number() }),
});

/** The reading and the encoding process together take 210 MB for a file of one megabyte. */
const mostBytes = 320e6;
/** An encoding process has 58 MB of its own after 6 MB of text, and 68 MB after 60; with several arenas of malloc 92 MB after 6. */
const mostEncoderBytes = 80e6;
const heapMegabytes = 64;

test("prepare needs less memory than the size of a 400 MB file, and only a small heap", async (t) => {
  const directory = await temporaryDirectory(t);
  const source = `${directory}/rows.jsonl`;
  writeRows(source, `${directory}/plain.jsonl`);
  const { size } = statSync(source);
  assert.ok(size > 1.2 * mostBytes, `${size} bytes`);
  const args = [path("bench/dataRun.ts"), source, path("../demo/base/model"), `${directory}/store`, "1"];
  const ran = await promisify(execFile)(process.execPath, [`--max-old-space-size=${heapMegabytes}`, ...args]);
  const { peakBytes, encoderBytes, dataset } = result.parse(JSON.parse(ran.stdout));
  assert.ok(dataset.examples > 2000 && dataset.tokens > 1_000_000);
  assert.ok(peakBytes < mostBytes, `${peakBytes} bytes resident at most`);
  assert.ok(encoderBytes < mostEncoderBytes, `${encoderBytes} bytes of an encoding process`);
});

/** Conversations, each with a long additional field. */
function writeRows(target: string, plain: string): void {
  writeConversations(plain, 6e6);
  const filler = `"meta":"${"0123456789abcdef".repeat(7000)}",`;
  const file = openSync(target, "w");
  for (const row of readFileSync(plain, "utf8").split("\n")) {
    if (row !== "") writeSync(file, `{${filler}${row.slice(1)}\n`);
  }
  closeSync(file);
}
