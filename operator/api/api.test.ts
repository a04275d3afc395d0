import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import { runHash, specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart, withDefaults } from "../../trainer/contract/writtenOut.ts";
import { isRecord } from "../runtime/objects.ts";
import { aSpec, now, pinnedStatus } from "../testing/builders.ts";
import { updateConditions, verdict } from "./conditions.ts";
import { customResourceDefinition, selectableFields } from "./crd.ts";
import { descriptions } from "./descriptions.ts";
import { type FineTuneJobSpec, fineTuneJobSpec } from "./fineTuneJob.ts";
import { generatedFiles } from "./generate.ts";
import { kinds } from "./kinds.ts";

const repository = path.resolve(import.meta.dirname, "../..");

for (const [name, content] of generatedFiles()) {
  test(`${name} matches the schemas`, async () => {
    assert.equal(await readFile(path.join(repository, name), "utf8"), content, "run npm run crds");
  });
}

/** Every schema below a definition's, with its path. */
function* schemas(schema: unknown, at: string): Generator<[string, Record<string, unknown>]> {
  if (!isRecord(schema)) return;
  yield [at, schema];
  if (isRecord(schema.properties)) {
    for (const [name, member] of Object.entries(schema.properties)) yield* schemas(member, `${at}.${name}`);
  }
  yield* schemas(schema.items, `${at}[]`);
  yield* schemas(schema.additionalProperties, `${at}{}`);
}

describe("definitions", () => {
  const all = kinds.flatMap((kind) => [...schemas(partsOf(customResourceDefinition(kind)), kind.kind)]);

  test("definitions bound every string, number and list, and set no defaults", () => {
    for (const [at, schema] of all) {
      if (schema.type === "string") assert.ok(schema.maxLength ?? schema.enum, `${at} has no maxLength`);
      if (schema.type === "integer") assert.ok(schema.maximum !== undefined, `${at} has no maximum`);
      if (schema.type === "array") assert.ok(schema.maxItems !== undefined, `${at} has no maxItems`);
      if (schema.type === "array") assert.ok(schema["x-kubernetes-list-type"], `${at} has no list type`);
      if (schema.additionalProperties) assert.ok(schema.maxProperties, `${at} has no maxProperties`);
      assert.equal(schema.default, undefined, `${at} has a default`);
    }
  });

  test("definitions describe every field", () => {
    for (const [at, schema] of all) {
      const isField = !/[\]}]$/.test(at) && !/affinity\./i.test(at) && at.includes(".");
      if (isField) assert.ok(schema.description, `${at} is not described`);
    }
  });

  test("definitions describe no field that does not exist", () => {
    const paths = all.map(([at]) => at.replaceAll("[]", ""));
    const isThere = (key: string) => paths.some((at) => `.${at}`.endsWith(`.${key}`));
    assert.deepEqual(
      Object.keys(descriptions).filter((key) => !isThere(key)),
      [],
    );
  });

  test("definitions have a message for every rule, because Kubernetes otherwise shows the rule itself", () => {
    for (const [at, schema] of all) {
      const validations = schema["x-kubernetes-validations"];
      if (!Array.isArray(validations)) continue;
      for (const { rule, message } of validations) assert.ok(message, `${at}: ${rule}`);
    }
  });

  test("definitions show times in the future as strings, because kubectl cannot show them as the time since", () => {
    const columns = kinds.flatMap((kind) => kind.columns.filter(({ name }) => name === "ETA"));
    const jsonPath = ".status.progress.estimatedCompletionTime";
    assert.deepEqual(
      columns.map((one) => [one.type, one.priority, one.jsonPath]),
      [
        ["string", 1, jsonPath],
        ["string", 1, jsonPath],
      ],
    );
  });

  test("definitions select objects by their state", () => {
    for (const kind of kinds) {
      const { spec } = customResourceDefinition(kind);
      const [version] = isRecord(spec) && Array.isArray(spec.versions) ? spec.versions : [];
      assert.deepEqual(version?.selectableFields, [{ jsonPath: ".status.state" }]);
    }
  });

  test("definitions contain only fields of the schemas, and every rule has a path in them", () => {
    const paths = new Set(all.map(([at]) => at));
    for (const { kind, rules } of kinds) {
      for (const at of Object.keys(rules)) assert.ok(at === "" || paths.has(`${kind}.${at}`), `${kind}: ${at}`);
      for (const at of selectableFields) assert.ok(paths.has(`${kind}${at}`), `${kind}: ${at}`);
    }
  });
});

/** spec and status of a definition, without the members that every object has. */
function partsOf(definition: Record<string, unknown>): unknown {
  const { spec } = definition;
  const versions = isRecord(spec) && Array.isArray(spec.versions) ? spec.versions : [];
  const { properties } = versions[0].schema.openAPIV3Schema;
  return { properties: { spec: properties.spec, status: properties.status } };
}

describe("defaults written out", () => {
  const specs = [
    aSpec(),
    aSpec({ method: { full: {} } }),
    aSpec({ baseModel: { uri: "pvc://inputs/model", quantization: { type: "NF4" } } }),
    aSpec({ baseModel: { uri: "pvc://inputs/model", quantization: { type: "NF4", doubleQuantization: false } } }),
    aSpec({
      dataset: { sources: [{ uri: "pvc://a/b.jsonl" }], validation: { fraction: "0.02" } },
      training: { epochs: "3", batchTokens: 10_000 },
    }),
    aSpec({
      training: {
        maxSteps: 7,
        earlyStopping: { patience: 2 },
        optimizer: { type: "AdamW", beta2: "0.95" },
        learningRate: "2e-4",
      },
    }),
    aSpec({ evaluation: { test: { uri: "pvc://a/t.jsonl" }, metrics: ["ExactMatch"] } }),
    aSpec({
      dataset: {
        sources: [
          { uri: "pvc://a/b.jsonl", weight: "0.50" },
          { uri: "pvc://a/c.jsonl", columns: { prompt: "q" } },
        ],
        validation: { uri: "pvc://a/v.json", format: "ShareGPT" },
      },
    }),
  ];
  const pins = pinnedStatus("0".repeat(64)).pins!;
  for (const [index, spec] of specs.entries()) {
    test(`defaults written out change no hash (${index})`, () => {
      const training = trainingPart(spec);
      assert.equal(specHash(withDefaults(training)), specHash(training));
      assert.equal(runHash(withDefaults(training), pins), runHash(training, pins));
    });
  }
});

test("a quantised base shows whether it is quantised twice", () => {
  const shown = (doubleQuantization?: boolean) => {
    const quantization = { type: "NF4" as const, ...(doubleQuantization === undefined ? {} : { doubleQuantization }) };
    return withDefaults(trainingPart(aSpec({ baseModel: { uri: "pvc://inputs/model", quantization } }))).baseModel;
  };
  const uri = "pvc://inputs/model";
  assert.deepEqual(shown(), { uri, quantization: { type: "NF4", doubleQuantization: true } });
  assert.deepEqual(shown(false), { uri, quantization: { type: "NF4", doubleQuantization: false } });
  assert.deepEqual(withDefaults(trainingPart(aSpec())).baseModel, { uri });
});

describe("quantisation", () => {
  const quantized = { uri: "pvc://inputs/model", quantization: { type: "NF4" as const } };
  const dequantized = { exports: [{ name: "a", merged: { base: "Dequantized" as const } }] };
  const original = { exports: [{ name: "a", merged: { base: "Original" as const } }] };
  const specs: [string, Partial<FineTuneJobSpec>, boolean][] = [
    ["a quantised base can be adapted", { baseModel: quantized }, true],
    ["a quantised base cannot be trained itself", { baseModel: quantized, method: { full: {} } }, false],
    ["an adapter can be merged into the dequantised base", { baseModel: quantized, adapter: dequantized }, true],
    ["an adapter can be merged into the original base", { baseModel: quantized, adapter: original }, true],
    ["a base that is not quantised cannot be dequantised", { adapter: dequantized }, false],
    ["a base that is not quantised has the export base Original", { adapter: original }, true],
  ];
  for (const [what, change, accepted] of specs) {
    test(what, () => assert.equal(fineTuneJobSpec.safeParse(aSpec(change)).success, accepted));
  }
});

describe("conditions", () => {
  const at = (seconds: number) => ({ generation: 1, now: new Date(now.getTime() + seconds * 1000) });

  test("the time of a condition moves only with its status", () => {
    const first = updateConditions(undefined, verdict("Reconciling", "A", ""), at(0));
    const second = updateConditions(first, verdict("Reconciling", "B", ""), at(60));
    assert.equal(second[0]?.lastTransitionTime, first[0]?.lastTransitionTime);
    const third = updateConditions(second, verdict("Ready", "C", ""), at(120));
    assert.notEqual(third.find(({ type }) => type === "Ready")?.lastTransitionTime, first[0]?.lastTransitionTime);
  });

  test("an update removes the conditions that it does not name, whoever wrote them", () => {
    const fits = { type: "Fits", status: "True", reason: "Fits", message: "" } as const;
    const first = updateConditions(undefined, [fits, ...verdict("Stalled", "A", "")], at(0));
    const second = updateConditions(first, verdict("Ready", "B", ""), at(1));
    assert.deepEqual(
      second.map(({ type }) => type),
      ["Ready"],
    );
  });
});
