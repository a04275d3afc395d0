import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveSettings } from "./effective.ts";
import { prepareKey, specHash } from "./hashes.ts";
import { type TrainingSpec, trainingSpec } from "./settings.ts";
import { prepareFile } from "./stageFiles.ts";
import { withDefaults } from "./writtenOut.ts";

type Objective = NonNullable<NonNullable<TrainingSpec["training"]>["objective"]>;

const spec = (objective?: Objective, changes: Partial<TrainingSpec> = {}): TrainingSpec => ({
  baseModel: { uri: "file:///base" },
  dataset: { sources: [{ uri: "file:///data.jsonl" }] },
  method: { lora: {} },
  ...(objective && { training: { objective } }),
  ...changes,
});

test("an objective has its own options with their defaults, and no others", () => {
  const of = (written?: Objective) => effectiveSettings(spec(written)).training.objective;
  assert.deepEqual(of(), { type: "Supervised" });
  assert.deepEqual(of({ type: "DPO" }), { type: "DPO", beta: 0.1 });
  assert.deepEqual(of({ type: "ORPO", lambda: "0.5" }), { type: "ORPO", lambda: 0.5 });
  assert.deepEqual(of({ type: "KTO", beta: "0.2", undesirableWeight: "2" }), {
    ...{ type: "KTO", beta: 0.2, desirableWeight: 1, undesirableWeight: 2 },
  });
  assert.deepEqual(withDefaults(spec({ type: "ORPO" })).training?.objective, { type: "ORPO", lambda: "0.1" });
});

test("a supervised training has the hashes that it had before there were objectives", () => {
  assert.equal(specHash(spec({ type: "Supervised" })), specHash(spec()));
  assert.equal(prepareKey(spec({ type: "Supervised" })), prepareKey(spec()));
  assert.equal(specHash(spec({ type: "DPO", beta: "0.10" })), specHash(spec({ type: "DPO" })));
  assert.notEqual(specHash(spec({ type: "DPO", beta: "0.2" })), specHash(spec({ type: "DPO" })));
});

test("objectives that learn from the same rows share what prepare makes, and others do not", () => {
  const key = (type: Objective["type"]) => prepareKey(spec({ type }));
  assert.equal(key("DPO"), key("ORPO"));
  assert.equal(new Set([key("Supervised"), key("DPO"), key("KTO")]).size, 3);
  const form = (type: Objective["type"]) => prepareFile({ spec: spec({ type }), artifactRoot: "file:///a" }).form;
  assert.deepEqual([form("Supervised"), form("ORPO"), form("KTO")], [undefined, "Pairs", "Labelled"]);
});

test("ORPO trains a whole model, DPO every adapter, and KTO reads pairs", () => {
  const accepted = [
    spec({ type: "ORPO" }, { method: { full: {} } }),
    spec({ type: "DPO" }, { method: { bitfit: {} } }),
    spec({ type: "KTO" }, { dataset: { sources: [{ uri: "file:///d", format: "Preference" }] } }),
  ];
  for (const one of accepted) assert.equal(trainingSpec.safeParse(one).success, true);
});
