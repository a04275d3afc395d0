/** Checks the forms of settings that follow from the declarations of the methods. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { specHash } from "../hashes.ts";
import { method as methodSchema, type TrainingSpec } from "../settings.ts";
import { declarations, effectiveMethod, methodSettings, methodWithDefaults, usualMethod } from "./index.ts";

const withMethod = (method: TrainingSpec["method"]): TrainingSpec => ({
  baseModel: { uri: "pvc://models/base" },
  dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
  method,
});

for (const { kind, settings, schema } of declarations) {
  const bare = methodSchema.parse({ [kind]: {} });

  test(`${kind} with every default written out is accepted, and has the same hash`, () => {
    const written = methodSchema.parse(methodWithDefaults(bare));
    assert.deepEqual(effectiveMethod(written), effectiveMethod(bare));
    assert.equal(specHash(withMethod(written)), specHash(withMethod(bare)));
  });

  test(`${kind} settings read back from a manifest, also from one that is older than some settings`, () => {
    const usual = usualMethod(kind);
    assert.deepEqual(methodSettings.parse(usual), usual);
    const later = Object.keys(settings).filter((name) => settings[name]?.later);
    const older = Object.fromEntries(Object.entries(usual).filter(([name]) => !later.includes(name)));
    assert.deepEqual(methodSettings.parse(older), usual);
    assert.equal(methodSettings.safeParse({ ...usual, more: 1 }).success, false);
    assert.ok(schema.safeParse(usual).success);
  });
}

test("LoRA settings that were added later change the hash only if they are set", () => {
  const hashes = [{}, { layers: [1] }, { excludeModules: ["q_proj"] }, { rankPattern: { q_proj: 2 } }].map((lora) =>
    specHash(withMethod({ lora })),
  );
  assert.equal(new Set(hashes).size, hashes.length);
  assert.equal(specHash(withMethod({ lora: { layers: [2, 1] } })), specHash(withMethod({ lora: { layers: [1, 2] } })));
  const empty = { layers: [], excludeModules: [], rankPattern: {}, alphaPattern: {}, learningRateRatio: "1.0" };
  assert.equal(specHash(withMethod({ lora: empty })), hashes[0]);
});

test("a manifest with an unknown method is refused, and the error names the method", () => {
  const read = methodSettings.safeParse({ kind: "hypernetwork" });
  assert.match(read.error?.message ?? "", /method hypernetwork is unknown/);
});
