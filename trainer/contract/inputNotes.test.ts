import assert from "node:assert/strict";
import { test } from "node:test";
import { inputNotes } from "./inputNotes.ts";

const dataset = {
  ...{ examples: 990, validationExamples: 0, testExamples: 10, tokens: 1, trainedTokens: 1, rows: 1 },
  ...{ truncatedExamples: 0, duplicateExamples: 0, badRows: 0 },
};
const notes = (changes: object) => inputNotes({ dataset: { ...dataset, ...changes }, model: {} });

test("inputs in order have no notes, and neither have those of an older release", () => {
  assert.deepEqual(notes({}), []);
  assert.deepEqual(notes({ overlongExamples: 0, overlongTestExamples: 0, ignoredColumns: [] }), []);
});

test("dropped rows are a note up to 1 % of the examples, and a warning with a way out above", () => {
  const firstOverlong = "pvc://data/a.jsonl:7";
  assert.match(notes({ overlongExamples: 10, firstOverlong })[0]!, /^10 of 1000 examples were dropped.*a\.jsonl:7/);
  assert.match(
    notes({ overlongExamples: 11, firstOverlong })[0]!,
    /^Warning: 11 of 1001 examples \(1\.1 %\).*a\.jsonl:7.*raise dataset\.maxSequenceLength/,
  );
  assert.match(notes({ overlongTestExamples: 1 })[0]!, /^Warning: 1 of 11 test examples \(9\.1 %\)/);
});

test("skipped rows and columns that are not used are named", () => {
  assert.deepEqual(notes({ badRows: 1, ignoredColumns: ["id", "history"] }), [
    "1 bad row was skipped.",
    "Columns of the data that are not used: id, history.",
  ]);
});

test("fields of config.json that would change a training and are not used are named", () => {
  assert.deepEqual(inputNotes({ dataset, model: { ignoredFields: ["attention_dropout 0.1", "resid_pdrop 0.2"] } }), [
    "Fields of config.json that are not used: attention_dropout 0.1, resid_pdrop 0.2; only the method has a dropout here.",
  ]);
});
