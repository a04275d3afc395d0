import assert from "node:assert/strict";
import { test } from "node:test";
import { dataName } from "./dataName.ts";

test("a name's ending gives the form of a data file, compressed or not, in any case", () => {
  assert.deepEqual(dataName("a.jsonl"), { form: "json", isCompressed: false });
  assert.deepEqual(dataName("d/a.NDJSON.GZ"), { form: "json", isCompressed: true });
  assert.deepEqual(dataName("a.csv.zst"), { form: "csv", isCompressed: true });
  for (const name of ["a.tsv", "a.tab"]) assert.deepEqual(dataName(name), { form: "tsv", isCompressed: false });
  assert.deepEqual(dataName("a.parquet"), { form: "parquet", isCompressed: false });
  for (const name of ["a", "jsonl", "a.jsonl.bz2", "a.gz", "a.csv.gz.gz", "a.toString"]) {
    assert.equal(dataName(name), undefined, name);
  }
});
