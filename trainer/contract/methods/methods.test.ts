/** Checks the forms of settings that follow from the declarations of the methods. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { specHash } from "../hashes.ts";
import { method as methodSchema, type TrainingSpec } from "../settings.ts";
import {
  declarations,
  effectiveMethod,
  givenSources,
  methodSettings,
  methodWithDefaults,
  usualMethod,
} from "./index.ts";

const withMethod = (method: TrainingSpec["method"]): TrainingSpec => ({
  baseModel: { uri: "pvc://models/base" },
  dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
  method,
});

const given = ["pvc://adapters/a", "pvc://adapters/b"].map((uri) => ({ uri }));

for (const { kind, settings, schema, givesAdapters } of declarations) {
  const bare = methodSchema.parse({ [kind]: givesAdapters === undefined ? {} : { [givesAdapters]: given } });

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

test("the credentials of an adapter that is mixed are no part of a result", () => {
  const [a, b] = ["s3://models/a", "s3://models/b"];
  const mixing = (access: object) => methodSchema.parse({ xlora: { adapters: [{ uri: a, ...access }, { uri: b }] } });
  const [plain, secret] = [mixing({}), mixing({ secretRef: { name: "models" } })];
  assert.equal(specHash(withMethod(secret)), specHash(withMethod(plain)));
  assert.deepEqual(effectiveMethod(secret), effectiveMethod(plain));
  assert.notEqual(specHash(withMethod(mixing({ endpoint: "https://other" }))), specHash(withMethod(plain)));
  assert.deepEqual(givenSources(secret), [{ uri: a, secretRef: { name: "models" } }, { uri: b }]);
});

test("settings of X-LoRA that have no effect or no meaning together are refused, with the fix", () => {
  const three = [...given, { uri: "pvc://adapters/c" }];
  const message = (settings: object) =>
    methodSchema.safeParse({ xlora: { adapters: given, ...settings } }).error?.issues[0]?.message ?? "accepted";
  assert.match(message({ classifierWidth: 8 }), /no effect without hidden layers.*classifierDepth above 1/);
  assert.match(message({ classifierDropout: "0.1" }), /no effect without hidden layers.*classifierDepth above 1/);
  assert.equal(message({ classifierDepth: 2, classifierWidth: 8, classifierDropout: "0.1" }), "accepted");
  assert.match(message({ topK: 2 }), /below the number of adapters: lower it/);
  assert.match(message({ normalization: "Chosen" }), /needs topK above 1/);
  assert.match(
    message({ adapters: three, topK: 2, normalization: "Chosen", temperature: "2" }),
    /temperature has no effect/,
  );
  assert.match(message({ topK: 1, firstPassScale: "0.5" }), /cannot be combined with topK/);
  assert.match(message({ adapters: given.slice(1) }), /expected array to have >=2 items|at least 2/);
  assert.match(message({ adapters: [given[0], given[0]] }), /already in the list/);
});

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
