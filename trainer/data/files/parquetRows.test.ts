import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { RawRow } from "../rows/rowSplitter.ts";
import { parquetRows } from "./parquetRows.ts";

const sample = (name: string) => readFileSync(new URL(`samples/${name}`, import.meta.url));

async function read(bytes: Uint8Array): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  const file = {
    uri: "file:///d/a.parquet",
    bytes: bytes.length,
    read: async (a: number, b: number) => bytes.subarray(a, b),
  };
  for await (const some of parquetRows(file)) rows.push(...some);
  return rows;
}

const expected = sample("rows.jsonl").toString().trimEnd().split("\n");

for (const name of ["none", "snappy", "gzip", "brotli", "lz4", "zstd", "v2", "delta"]) {
  test(`the rows of a Parquet file (${name}) are those that pyarrow wrote, with floats and large integers unchanged`, async () => {
    const rows = await read(sample(`${name}.parquet`));
    assert.deepEqual(
      rows.map(({ bytes }) => Buffer.from(bytes).toString()),
      expected,
    );
    assert.deepEqual(
      rows.map(({ line }) => line),
      expected.map((_, index) => index + 1),
    );
  });
}

test("a Parquet file without rows has none", async () => {
  assert.deepEqual(await read(sample("empty.parquet")), []);
});
