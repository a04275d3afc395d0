/**
 * Mutates data files at random and reads them, for `fuzz.test.ts` and `npm run soak -- readers`. A mutated file gives rows or
 * a failure that names it: no other error, no end of the process, no long time, and the same whatever the chunks are.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { StageFailure } from "../contract/failure.ts";
import { fileRows } from "../data/files/fileRows.ts";
import { RowError } from "../data/rows/example.ts";
import { detectFormat, readExample } from "../data/rows/rows.ts";
import { parseRow } from "../data/rows/strictJson.ts";

export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
  /** Compresses what was mutated. */
  readonly pack?: (bytes: Uint8Array) => Buffer;
}

const sample = (name: string) => readFileSync(new URL(`../data/files/samples/${name}`, import.meta.url));
const lines = sample("rows.jsonl").toString().split("\n").slice(0, 12).join("\n");
const table = 'prompt,completion,"a ""b"""\r\n1,"x\r\ny",z\n"q ""r""",é,\n,,\n"5",6,7';

/** A row of each form, with all of its fields. */
const forms = [
  {
    system: "s",
    tools: '[{"name": "f"}]',
    conversations: [
      { from: "human", value: "q", weight: 0 },
      { from: "tool_call", value: '<tool_call>{"name": "f", "arguments": {"a": [1.0, "é"]}}</tool_call>' },
      { from: "observation", value: "r" },
      { role: "assistant", content: "a", loss: true },
    ],
  },
  { instruction: "i", input: "j", output: "o", history: [["a", "b"]], system: "s", kto_tag: true },
  { instruction: "i", chosen: "a", rejected: "b", history: '[["a", "b"]]' },
  { conversations: [{ from: "human", value: "q" }], chosen: { from: "gpt", value: "a" }, rejected: { from: "gpt" } },
  { prompt: "q", chosen: [{ role: "user", content: "q" }], rejected: '[{"role": "user", "content": "q"}]' },
  { prompt: [{ role: "user", content: [{ type: "text", text: "q" }] }], completion: "a", label: "False" },
  { text: "t", extra: null },
];

export const seeds: readonly Seed[] = [
  ...["none", "snappy", "gzip", "brotli", "lz4", "zstd", "v2", "delta"].map((name) => ({
    name: `${name}.parquet`,
    bytes: sample(`${name}.parquet`),
  })),
  { name: "rows.jsonl", bytes: Buffer.from(lines) },
  { name: "rows.json", bytes: Buffer.from(`[${lines.replaceAll("\n", ",\n")}]`) },
  { name: "forms.jsonl", bytes: Buffer.from(forms.map((row) => JSON.stringify(row)).join("\n")) },
  { name: "forms.json", bytes: Buffer.from(JSON.stringify(forms, null, 1)) },
  { name: "table.csv", bytes: Buffer.from(table) },
  { name: "table.tsv", bytes: Buffer.from(table.replaceAll(",", "\t")) },
  { name: "rows.jsonl.gz", bytes: gzipSync(lines) },
  { name: "rows.jsonl.zst", bytes: zstdCompressSync(lines) },
  { name: "table.csv.gz", bytes: Buffer.from(table), pack: gzipSync },
];

/** Uniform integers from 0 to below n (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const extremes = [0x00, 0xff, 0x7f, 0x80, 0x22, 0x0a, 0x2c, 0x5b];

/** A few changes: bytes, ranges that are cut, repeated or moved, the end cut off. */
export function mutated(bytes: Buffer, next: (below: number) => number): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + next(4); changes > 0 && result.length > 0; changes--) {
    const at = next(result.length);
    const length = Math.min(result.length - at, 1 + next(next(2) === 0 ? 4 : 200));
    const [before, range, after] = [
      result.subarray(0, at),
      result.subarray(at, at + length),
      result.subarray(at + length),
    ];
    switch (next(6)) {
      case 0:
        result[at] = result[at]! ^ (1 << next(8));
        break;
      case 1:
        result[at] = extremes[next(extremes.length)]!;
        break;
      case 2:
        result = Buffer.concat([before, after]);
        break;
      case 3:
        result = Buffer.concat([before, range, range, after]);
        break;
      case 4:
        range.fill(extremes[next(extremes.length)]!);
        break;
      case 5:
        result = next(4) === 0 ? Buffer.from(before) : Buffer.concat([after, range, before]);
    }
  }
  return result;
}

/** The mutated file of a number. */
export function fuzzedFile(number: number): { name: string; bytes: Buffer } {
  const next = random(number);
  const { name, bytes, pack } = seeds[next(seeds.length)]!;
  const changed = mutated(bytes, next);
  return { name, bytes: pack?.(changed) ?? changed };
}

/** Milliseconds of processor time for a file of some kilobytes. */
const longestRead = 5000;

/** The result of reading a file. Throws if that takes too long. */
export async function inTime<T>(read: () => Promise<T>): Promise<T> {
  const started = process.cpuUsage();
  const result = await read();
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 1000 * longestRead, `took ${(user + system) / 1000} ms`);
  return result;
}

/** Reads a file twice, in chunks of two sizes. Throws where it breaks the promise; the result is rows or the failure. */
export async function readFuzzed({ name, bytes }: { name: string; bytes: Buffer }): Promise<string> {
  const whole = await inTime(() => outcome(name, bytes, Math.max(1, bytes.length)));
  assert.equal(await outcome(name, bytes, 61), whole, "depends on the chunks");
  return whole;
}

async function outcome(name: string, bytes: Buffer, chunk: number): Promise<string> {
  const uri = `file:///d/${name}`;
  async function* stream() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  const digest = createHash("sha256");
  let rows = 0;
  try {
    for await (const some of fileRows({ uri, bytes: bytes.length, stream, read })) {
      for (const { line, bytes: row, fault } of some) {
        digest.update(`${line} ${fault ?? ""} `).update(row);
        if (fault === undefined) use(row);
        rows++;
      }
    }
  } catch (error) {
    if (!(error instanceof StageFailure)) throw error;
    assert.ok(error.message.startsWith(uri), error.message);
    return error.message;
  }
  return `${rows} rows ${digest.digest("hex")}`;
}

/** A row is an example or a bad row, whatever the data are for. */
function use(row: Uint8Array): void {
  for (const form of ["Examples", "Pairs", "Labelled"] as const) {
    try {
      const value = parseRow(row);
      readExample(value, { format: detectFormat(value, {}, form), columns: {} });
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
    }
  }
}
