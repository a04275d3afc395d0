import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { StageFailure } from "../../contract/failure.ts";
import { fileRows } from "./fileRows.ts";

interface Failure {
  code: number;
  reason: string;
  message: RegExp;
}

/** The rows of a file with this name and content, as [line, text or fault]. */
async function read(name: string, content: Uint8Array | string, chunk = 1000): Promise<[number, string][]> {
  const bytes = Buffer.from(content);
  async function* stream() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const rows: [number, string][] = [];
  const uri = `file:///d/${name}`;
  const random = async (start: number, end: number) => bytes.subarray(start, end);
  for await (const some of fileRows({ uri, bytes: bytes.length, stream, read: random })) {
    for (const { line, bytes: row, fault } of some) rows.push([line, fault ?? Buffer.from(row).toString().trim()]);
  }
  return rows;
}

test("the stream of a file is closed, however the reading ends", async () => {
  const parquet = readFileSync(new URL("samples/none.parquet", import.meta.url));
  for (const [name, content] of [
    ["a.parquet", parquet],
    ["a.jsonl", '{"text":"a"}\n'],
    ["a.jsonl.gz", gzipSync('{"text":"a"}\n')],
    ["a.csv", "text\na\n"],
    ["page.jsonl", "<!DOCTYPE html>"],
    ["page.csv", "<!DOCTYPE html>"],
    ["other.parquet", "text"],
    ["page.jsonl.gz", gzipSync("<!DOCTYPE html>")],
    ["damaged.jsonl.gz", gzipSync('{"text":"a"}\n').subarray(0, 20)],
  ] as const) {
    const bytes = Buffer.from(content);
    let open = 0;
    async function* stream() {
      open++;
      try {
        yield bytes;
        // A file whose end nobody asks for.
        yield Buffer.alloc(0);
      } finally {
        open--;
      }
    }
    const read = async (start: number, end: number) => bytes.subarray(start, end);
    const rows = fileRows({ uri: `file:///d/${name}`, bytes: bytes.length, stream, read });
    try {
      for await (const some of rows) assert.ok(Array.isArray(some));
    } catch (error) {
      assert.ok(error instanceof StageFailure);
    }
    assert.equal(open, 0, name);
  }
});

const lines = '{"text":"a"}\n\n{"text":"b"}\n';
const read2: [number, string][] = [
  [1, '{"text":"a"}'],
  [3, '{"text":"b"}'],
];

test("JSON lines and lists are read as they are, and compressed with gzip or Zstandard, in several parts too", async () => {
  assert.deepEqual(await read("a.jsonl", lines), read2);
  for (const chunk of [1, 7, 1000]) {
    assert.deepEqual(await read("a.jsonl.gz", gzipSync(lines), chunk), read2);
    assert.deepEqual(await read("a.jsonl.zst", zstdCompressSync(lines), chunk), read2);
    const parts = [lines.slice(0, 9), lines.slice(9)];
    assert.deepEqual(await read("a", Buffer.concat(parts.map((part) => gzipSync(part))), chunk), read2);
    assert.deepEqual(await read("a", Buffer.concat(parts.map((part) => zstdCompressSync(part))), chunk), read2);
  }
  assert.deepEqual(await read("a.json.gz", gzipSync('[{"text":"a"},\n{"text":"b"}]')), [
    [1, '{"text":"a"}'],
    [2, '{"text":"b"}'],
  ]);
  assert.deepEqual(await read("unpacked-on-the-way.jsonl.gz", lines), read2);
});

test("the first line of a table names its columns, and every value is a text with the line of its row", async () => {
  const csv = 'prompt,completion\r\n\r\n1,"x\r\n""y"""\r\n  é ,\n"a,b",2';
  const expected: [number, string][] = [
    [3, JSON.stringify({ prompt: "1", completion: 'x\r\n"y"' })],
    [5, JSON.stringify({ prompt: "  é ", completion: "" })],
    [6, JSON.stringify({ prompt: "a,b", completion: "2" })],
  ];
  for (const chunk of [1, 5, 1000]) {
    assert.deepEqual(await read("a.csv", csv, chunk), expected);
    assert.deepEqual(await read("a.csv", `\ufeff${csv}`, chunk), expected);
    assert.deepEqual(await read("a.CSV.gz", gzipSync(csv), chunk), expected);
    assert.deepEqual(await read("a.csv", csv.replaceAll(/,(?!b)/g, ";"), chunk), expected);
  }
  assert.deepEqual(await read("a.csv", "a|b\n1|2,3\n"), [[2, '{"a":"1","b":"2,3"}']]);
  assert.deepEqual(await read("a.tsv", 'a\tb\n1,2\tsaid "so"\n'), [[2, '{"a":"1,2","b":"said \\"so\\""}']]);
  for (const first of ["sep=;\r\n", '"sep=;"\n', "\ufeffSEP=;\r"])
    assert.deepEqual(await read("excel.csv", `${first}a;b\n1;2,3\n`), [[3, '{"a":"1","b":"2,3"}']]);
  assert.deepEqual(await read("no-excel.csv", "sep=\n1\n"), [[2, '{"sep=":"1"}']]);
  assert.deepEqual(await read("index.csv", ",text\n0,a\n"), [[2, '{"Unnamed: 0":"0","text":"a"}']]);
  assert.deepEqual(await read("a.csv", "a\r1\r2"), [
    [2, '{"a":"1"}'],
    [3, '{"a":"2"}'],
  ]);
  assert.deepEqual(await read("header.csv", "a,b\n"), []);
  assert.deepEqual(await read("empty.csv", ""), []);
});

test("a row of a table with too few or too many values, or that is not UTF-8, is a bad row with its line", async () => {
  const bytes = Buffer.concat([
    Buffer.from("a,b\n1\n1,2,3\n"),
    Buffer.from([0xff, 0x2c, 0x31, 0x0a]),
    Buffer.from("3,4\n"),
  ]);
  assert.deepEqual(await read("a.csv", bytes), [
    [2, "has 1 values, but the table has 2 columns: add or remove values, or quote the separator"],
    [3, "has 3 values, but the table has 2 columns: add or remove values, or quote the separator"],
    [4, "is not UTF-8: save the file in UTF-8"],
    [5, '{"a":"3","b":"4"}'],
  ]);
});

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n";
const latin = Buffer.from('{"text": "été à Paris"}\n{"text": "déjà"}\n{"text": "größe"}\n', "latin1");
const cyrillic = Buffer.from(
  '{"text": "\xcf\xf0\xe8\xe2\xe5\xf2"}\n{"text": "\xea\xe0\xea \xe4\xe5\xeb\xe0"}\n',
  "latin1",
);
const sample = (name: string) => readFileSync(new URL(`samples/${name}`, import.meta.url));
const parquet = sample("zstd.parquet");
const damaged = Buffer.from(sample("v2.parquet")).fill(0, 700, 720);

const faults: [what: string, name: string, content: Uint8Array | string, failure: Failure][] = [
  [
    "a quote that is not closed",
    "a.csv",
    `a,b\n1,2\n3,"4\n${"5,6\n".repeat(100)}`,
    {
      code: 20,
      reason: "DataInvalid",
      message: /a\.csv:103: a quote in the row that begins near line 3 is not closed: close it/,
    },
  ],
  [
    "a quote that is not closed in a large file",
    "a.csv",
    Buffer.concat([Buffer.from('a,b\n1,"2\n'), Buffer.alloc(17 * 2 ** 20, "3,4\n")]),
    {
      code: 20,
      reason: "DataInvalid",
      message:
        /the row that begins near line 2 is longer than 16777216 bytes: close the open quote, or shorten the row/,
    },
  ],
  [
    "a quote inside a value",
    "a.csv",
    'a,b\n1,2\n3 "x",4\n',
    { code: 20, reason: "DataInvalid", message: /a\.csv:3: a quote stands inside a value/ },
  ],
  [
    "JSON lines in place of a table",
    "a.csv",
    '\ufeff{"prompt": "a", "completion": "b"}\n',
    { code: 20, reason: "DataUnsupported", message: /a\.csv: is JSON, but .*rename it to end with \.jsonl/ },
  ],
  [
    "a JSON list in place of a table",
    "a.tsv",
    '[\n  {"prompt": "a"}]',
    { code: 20, reason: "DataUnsupported", message: /a\.tsv: is JSON, but/ },
  ],
  [
    "two columns of one name",
    "a.csv",
    "a,b,a\n1,2,3\n",
    { code: 20, reason: "DataInvalid", message: /a\.csv:1: the columns 1 and 3 have the same name/ },
  ],
  ["a pointer in place of a table", "a.csv", pointer, { code: 20, reason: "DataUnsupported", message: /git lfs pull/ }],
  ["a pointer in place of Parquet", "a.parquet", pointer, { code: 23, reason: "DataDamaged", message: /git lfs pull/ }],
  [
    "text in Windows-1252",
    "a.jsonl",
    latin,
    {
      code: 20,
      reason: "DataUnsupported",
      message:
        /a\.jsonl: is text in Windows-1252, but data must be in UTF-8: convert it with iconv -f Windows-1252 -t UTF-8/,
    },
  ],
  [
    "a list of one line in Windows-1252",
    "a.json",
    Buffer.from('[{"text":"caf\u00e9 {"},{"text":"na\u00efve \\""},{"text":"plain"}]', "latin1"),
    { code: 20, reason: "DataUnsupported", message: /is text in Windows-1252/ },
  ],
  [
    "a truncated file of JSON lines",
    "a.jsonl",
    '{"text":"a"}\n{"text":"b',
    {
      code: 23,
      reason: "DataDamaged",
      message: /a\.jsonl:2: the last line ends within an object, so the file is trunc/,
    },
  ],
  [
    "a table in Windows-1252",
    "a.csv.gz",
    gzipSync(latin),
    { code: 20, reason: "DataUnsupported", message: /is text in Windows-1252/ },
  ],
  [
    "text in Windows-1251",
    "a.jsonl",
    cyrillic,
    { code: 20, reason: "DataUnsupported", message: /is text in Windows-1251/ },
  ],
  [
    "a table in UTF-16",
    "a.tsv",
    Buffer.from("\ufeffa\tb\n", "utf16le"),
    { code: 20, reason: "DataUnsupported", message: /is text in UTF-16/ },
  ],
  [
    "a compressed archive",
    "a.gz",
    gzipSync(Buffer.alloc(512).fill("ustar", 257, 262)),
    { code: 20, reason: "DataUnsupported", message: /is a tar archive/ },
  ],
  [
    "a compressed Parquet file",
    "a.gz",
    gzipSync(parquet),
    { code: 20, reason: "DataUnsupported", message: /is a Parquet file/ },
  ],
  [
    "a truncated gzip file",
    "a.jsonl.gz",
    gzipSync(lines).subarray(0, -9),
    {
      code: 23,
      reason: "DataDamaged",
      message: /a\.jsonl\.gz: is damaged or truncated: it cannot be unpacked with gzip; copy/,
    },
  ],
  [
    "a truncated Zstandard file",
    "a.jsonl.zst",
    zstdCompressSync(lines).subarray(0, -4),
    { code: 23, reason: "DataDamaged", message: /cannot be unpacked with Zstandard/ },
  ],
  [
    "something else named as compressed",
    "a.jsonl.gz",
    Buffer.from([1, 2, 3, 4, 5]),
    { code: 23, reason: "DataDamaged", message: /cannot be unpacked with gzip/ },
  ],
  [
    "a truncated Parquet file",
    "a.parquet",
    parquet.subarray(0, -20),
    {
      code: 23,
      reason: "DataDamaged",
      message: /a\.parquet: it does not end as a Parquet file does \(PAR1\): it is truncated/,
    },
  ],
  [
    "a damaged page of Parquet",
    "a.parquet",
    damaged,
    {
      code: 23,
      reason: "DataDamaged",
      message:
        /the column messages\.list\.element\.\w+ is damaged in the page at byte \d+, after row \d+ \(.*\); copy the file again/,
    },
  ],
  [
    "something else named Parquet",
    "a.parquet",
    lines,
    { code: 23, reason: "DataDamaged", message: /does not begin as a Parquet file does/ },
  ],
];
test("a fault of the file is reported as the file's, not as a bad row", async (t) => {
  for (const [what, name, content, failure] of faults) {
    await t.test(what, async () => {
      await assert.rejects(read(name, content, 2 ** 16), failure);
    });
  }
});

test("a length that leads out of its page is an error each time, and never reads what lies beside the page", async () => {
  const bytes = sample("length-beyond-page.parquet");
  for (let time = 0; time < 10; time++) {
    Buffer.allocUnsafe(3000).fill(time);
    await assert.rejects(read("a.parquet", bytes), {
      message: /page at byte 776, after row 15 \(a size or an offset is invalid\)/,
    });
  }
});

test("a file that expands without bound is refused after a few hundred megabytes, in little memory", async () => {
  // Spaces, so that the file may begin with rows.
  const member = gzipSync(Buffer.alloc(2 ** 24, " "), { level: 9 });
  async function* bomb() {
    for (let times = 0; times < 4096; times++) yield member;
  }
  let bytes = 0;
  const uri = "file:///d/a.jsonl.gz";
  const counted = async function* () {
    for await (const chunk of bomb()) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  const rows = fileRows({ uri, bytes: 1e12, stream: counted, read: async () => member });
  await assert.rejects(
    async () => {
      for await (const some of rows) assert.ok(some.length <= 1);
    },
    {
      code: 20,
      reason: "DataUnsupported",
      message: /a\.jsonl\.gz: .*gzip and expands to more than 250 times its size/,
    },
  );
  assert.ok(bytes < 2 ** 21, `${bytes} compressed bytes`);
});
