/**
 * Other methods cost LoRA and full fine-tuning nothing: the programs of these specs must not change by a byte. A
 * hash below changes with the program format, with an op that these programs use, or with the order of their nodes; any
 * other cause is a cost that a method has put on the others.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { CompileSpec, ProgramKey } from "../graph/compiled.ts";
import { aSpec, tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { compile } from "./compile.ts";

const bf16 = { dense: "BF16", linear: "BF16", doubleQuantization: false } as const;
const nf4 = { dense: "BF16", linear: "NF4", doubleQuantization: true } as const;
const generation = { slots: 3, capacity: 20, prefillTokens: 16 };

const specs: Readonly<Record<string, CompileSpec>> = {
  full: aSpec({ generation }),
  lora: aSpec({ method: tinyLora, generation }),
  "lora on some layers, with dropout, recomputed": aSpec({
    method: { ...tinyLora, dropout: 0.1, targetModules: ["q_proj", "down_proj"] },
    recomputedBlocks: 1,
    microRows: 2,
  }),
  "lora in BF16": aSpec({ method: tinyLora, storage: bf16, precision: "BF16", generation }),
  "lora on NF4": aSpec({ method: { ...tinyLora, rankStabilized: true }, storage: nf4, precision: "BF16" }),
  "lora on qwen2": aSpec({ method: tinyLora, model: { ...tinyModel, family: "qwen2", tieWordEmbeddings: false } }),
  "lora on qwen3": aSpec({ method: tinyLora, model: { ...tinyModel, family: "qwen3" } }),
};

/** The first 16 digits of the SHA-256 over the bytes of every program that a spec can use. */
const held: Readonly<Record<string, string>> = {
  full: "5a8ca1b9a36239cc",
  lora: "8d3f5d79afc60706",
  "lora on some layers, with dropout, recomputed": "655b26a26fb38857",
  "lora in BF16": "56535b9b324c1c1c",
  "lora on NF4": "3608ca8881ca2301",
  "lora on qwen2": "2be88bb46119a72a",
  "lora on qwen3": "0ced10e5308c9daf",
};

for (const [name, spec] of Object.entries(specs)) {
  test(`the programs of ${name} are the same to the byte`, () => assert.equal(digestOf(spec), held[name]));
}

test("a step runs no pullback or observe program for a method without them", () => {
  for (const spec of Object.values(specs)) {
    const { pullsBack, afterStep, positionOffset } = compile(spec);
    assert.deepEqual([pullsBack, afterStep, positionOffset], [false, undefined, 0]);
  }
});

function digestOf(spec: CompileSpec): string {
  const compiled = compile(spec);
  const trainedRows = compiled.trainedRowBuckets.at(-1) ?? 0;
  const keys: ProgramKey[] = [
    { program: "begin" },
    { program: "derive" },
    { program: "micro", trainedRows },
    { program: "optimise" },
    { program: "evaluate", trainedRows },
    ...compiled.generateTokenBuckets.map((tokens) => ({ program: "generate", tokens }) as const),
  ];
  const hash = createHash("sha256");
  for (const key of keys) hash.update(compiled.program(key).bytes);
  return hash.digest("hex").slice(0, 16);
}
