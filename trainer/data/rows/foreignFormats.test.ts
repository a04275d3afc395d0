import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { foreignFormat, requireRows, requireRowsByName } from "./foreignFormats.ts";

const tar = Buffer.alloc(512);
tar.write("train.jsonl", 0);
tar.write("ustar", 257);

const foreign: [string, Uint8Array, RegExp][] = [
  ["ZIP", Buffer.from("PK\u0003\u0004\u0014"), /ZIP/],
  ["gzip", gzipSync("{}"), /gzip/],
  ["tar", tar, /tar/],
  ["Parquet", Buffer.from("PAR1\u0015"), /Parquet/],
  ["Arrow", Buffer.from("ARROW1\0\0"), /Arrow/],
  ["Zstandard", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4), /Zstandard/],
];
for (const [what, bytes, named] of foreign) {
  test(`a ${what} file is refused by what it is, whatever it is called`, () => {
    assert.match(foreignFormat(bytes) ?? "", named);
    assert.throws(() => requireRows("file:///d/train.jsonl", bytes), {
      code: 20,
      reason: "DataUnsupported",
      message: /train\.jsonl: is .*JSON lines or a JSON list/,
    });
  });
}

test("rows of JSON are none of these", () => {
  for (const text of ["", "{", '[{"text":"PAR1"}]', "\ufeff{}", " \n", "PAR", "P"]) {
    assert.equal(foreignFormat(Buffer.from(text)), undefined);
  }
});

test("a name says it before anything is read", () => {
  for (const name of ["a.jsonl.gz", "a.parquet", "a.ZIP", "a.tgz"]) {
    assert.throws(() => requireRowsByName(`s3://b/${name}`), { code: 20, reason: "DataUnsupported" });
  }
  for (const name of ["a.jsonl", "a.json", "zip", "a.gz/train", "db"]) requireRowsByName(`s3://b/${name}`);
});
