import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { foreignFormat, requireRows, requireRowsByName } from "./foreignFormats.ts";
import { formBytes } from "./foreignText.ts";

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
  test(`a ${what} file is refused by its kind, whatever its name`, () => {
    assert.match(foreignFormat(bytes) ?? "", named);
    assert.throws(() => requireRows("file:///d/train.jsonl", bytes, true), {
      code: 20,
      reason: "DataUnsupported",
      message: /train\.jsonl: is .*JSON lines \(one object per line\), one JSON list/,
    });
  });
}

const utf32 = (text: string) => Buffer.from([...text].flatMap((character) => [character.charCodeAt(0), 0, 0, 0]));
const row = '{"text": "a"}';
const texts: [string, Uint8Array | string, RegExp][] = [
  ["UTF-16 with its mark", Buffer.from(`\ufeff${row}`, "utf16le"), /UTF-16/],
  ["UTF-16 without", Buffer.from(row, "utf16le"), /UTF-16/],
  ["UTF-16, the other way round", Buffer.from(`\ufeff${row}`, "utf16le").swap16(), /UTF-16/],
  ["UTF-32 with its mark", utf32(`\ufeff${row}`).fill(0xff, 0, 1).fill(0xfe, 1, 2), /UTF-32/],
  ["UTF-32 without", utf32(row), /UTF-32/],
  ["UTF-32, the other way round", utf32(row).swap32(), /UTF-32/],
  ["zeros", Buffer.alloc(100), /binary|UTF/],
  ["CSV", 'prompt,completion\n"2+2?",4\n', /commas \(CSV\)/],
  ["CSV in quotes", '"prompt","completion"\n"2+2?","4"\n', /commas \(CSV\)/],
  ["CSV that ends without a line break", "prompt;completion\n1;2", /semicolons \(CSV\)/],
  ["TSV", "prompt\tcompletion\n2+2?\t4\n", /tabs \(TSV\)/],
  ["a list of words", "apple\npear\n", /text that does not begin as JSON/],
  [
    "objects over several lines",
    `${JSON.stringify({ a: [{ b: 1 }] }, null, 2)}\n${JSON.stringify({ a: [] }, null, 2)}\n`,
    /several lines/,
  ],
  ["one object over several lines", JSON.stringify({ data: [{ text: "a" }] }, null, 1), /several lines/],
  [
    "an object of a megabyte over lines",
    JSON.stringify({ data: Array(50_000).fill({ text: "a" }) }, null, 1),
    /several lines/,
  ],
  ["objects over several lines with short ones in them", '{\n "a": [\n{"b": 1}\n]\n}\n', /several lines/],
  ["commas after each line", `${row},\n${row},\n${row}\n`, /comma after each line/],
  ["Python's dictionaries", "{'text': 'a'}\n{'text': 'b'}\n", /single quotes/],
  ["objects on one line", `${row}${row}\n`, /without a line break/],
  ["carriage returns alone", `${row}\r${row}\r`, /carriage return/],
  ["HTML", "<!DOCTYPE html>\n<html>", /HTML/],
  ["YAML", "- text: a\n- text: b\n", /YAML/],
  ["a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", /git lfs pull/],
];
test("a text file in another form is reported as a whole, by its kind", async (t) => {
  for (const [what, given, named] of texts) {
    await t.test(what, () => {
      const bytes = typeof given === "string" ? Buffer.from(given) : given;
      assert.throws(() => requireRows("file:///d/train.jsonl", bytes, true), {
        code: 20,
        reason: "DataUnsupported",
        message: named,
      });
    });
  }
});

const rowFiles: [string, string][] = [
  ["rows", `${row}\n${row}\n`],
  ["a broken row first", `not,json\n${row}\n`],
  ["a row that is cut first", `{"text": "a",\n${row}\n`],
  ["a broken row alone", '{"text": \n'],
  ["a text that is not closed", `{"text": "a\n${row}\n`],
  ["a list over several lines", JSON.stringify([{ text: "a" }], null, 2)],
  ["empty lines first", `\n\r\n${row}`],
  ["line ends of Windows", `${row}\r\n${row}\r\n`],
  ["a row longer than the inspected bytes", JSON.stringify({ text: "a,b\n".repeat(50_000) })],
];
for (const [what, text] of rowFiles) {
  test(`a file that may contain rows is not refused as a foreign format: ${what}`, () => {
    const bytes = Buffer.from(text);
    requireRows("file:///d/train.jsonl", bytes, true);
    if (bytes.length > formBytes) requireRows("file:///d/train.jsonl", bytes.subarray(0, formBytes), false);
  });
}

test("JSON rows are not recognised as a foreign format", () => {
  for (const text of ["", "{", '[{"text":"PAR1"}]', "\ufeff{}", " \n", "PAR", "P"]) {
    assert.equal(foreignFormat(Buffer.from(text)), undefined);
  }
});

test("a file name reveals a foreign format before anything is read", () => {
  for (const name of ["a.jsonl.bz2", "a.arrow", "a.ZIP", "a.tgz", "a.tar.gz", "a.xlsx"]) {
    assert.throws(() => requireRowsByName(`s3://b/${name}`), { code: 20, reason: "DataUnsupported" });
  }
  for (const name of ["a.jsonl", "a.json", "zip", "a.bz2/train", "db", "a.jsonl.gz", "a.csv.zst", "a.parquet"])
    requireRowsByName(`s3://b/${name}`);
});
