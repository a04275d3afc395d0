import assert from "node:assert/strict";
import { test } from "node:test";
import { llama } from "../testing/llamaConfig.ts";
import { readModelConfig, UnsupportedModelError } from "./model.ts";

const plain = { rope_theta: undefined };
const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };

for (const [what, change, theta, scaling] of [
  ["rope_theta null is not set", { rope_theta: null }, 10_000, undefined],
  ["rope_theta in rope_parameters", { ...plain, rope_parameters: { rope_theta: 5e5 } }, 5e5, undefined],
  ["rope_theta null there", { rope_parameters: { rope_type: "default", rope_theta: null } }, 10_000, undefined],
  ["the same rope_theta in both", { rope_theta: 5e5, rope_parameters: { rope_theta: 5e5 } }, 5e5, undefined],
  ["empty fields", { rope_scaling: {}, rope_parameters: {} }, 10_000, undefined],
  ["null fields", { rope_scaling: null, rope_parameters: null, partial_rotary_factor: null }, 10_000, undefined],
  ["the older key `type`", { rope_parameters: { type: "linear", factor: 4 } }, 10_000, { type: "linear", factor: 4 }],
  [
    "both keys alike",
    { rope_scaling: { type: "linear", rope_type: "linear", factor: 4 } },
    10_000,
    { type: "linear", factor: 4 },
  ],
  ["plain by the older key", { rope_scaling: { type: "default" } }, 10_000, undefined],
  [
    "dynamic, which changes nothing within the context",
    { rope_scaling: { type: "dynamic", factor: 2 } },
    10_000,
    undefined,
  ],
  [
    "Llama 3's with its own context",
    { rope_scaling: { ...llama3, original_max_position_embeddings: 64 } },
    10_000,
    { type: "llama3", factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 64 },
  ],
  [
    "Llama 3's with the model's context",
    { rope_scaling: llama3 },
    10_000,
    { type: "llama3", factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 1024 },
  ],
  [
    "YaRN's factor from the contexts",
    {
      rope_scaling: {
        type: "yarn",
        factor: null,
        original_max_position_embeddings: 256,
        attention_factor: 1,
        finetuned: true,
      },
    },
    10_000,
    { type: "yarn", factor: 4, originalContext: 256, attentionFactor: 1, betaFast: 32, betaSlow: 1, truncate: true },
  ],
] as const) {
  test(`${what}: the rotary embedding is read`, () => {
    const { ropeTheta, ropeScaling } = readModelConfig({ ...llama, ...change });
    assert.deepEqual({ ropeTheta, ropeScaling }, { ropeTheta: theta, ropeScaling: scaling });
  });
}

const strangeRopes = [
  [
    "LongRoPE under its older name",
    { rope_scaling: { type: "su", long_factor: [1], short_factor: [1] } },
    /rope_type "su" is not supported/,
  ],
  [
    "YaRN without a base",
    { rope_theta: 1, rope_scaling: { type: "yarn", factor: 2 } },
    /rope_theta is 1; with YaRN it must/,
  ],
  [
    "no context that was trained",
    { rope_scaling: llama3, original_max_position_embeddings: 0 },
    /original_max_position_embeddings is 0; it must be/,
  ],
  [
    "a type that is not known",
    { rope_parameters: { type: "longrope" } },
    /rope_parameters.rope_type "longrope" is not supported; supported: default, linear/,
  ],
  [
    "a type that is a name of objects",
    { rope_scaling: { type: "constructor" } },
    /rope_scaling.rope_type "constructor" is not supported/,
  ],
  ["a type that is no text", { rope_scaling: { rope_type: 3 } }, /rope_scaling.rope_type 3 is not supported/],
  [
    "types that contradict",
    { rope_scaling: { type: "linear", rope_type: "default", factor: 2 } },
    /contradict each other/,
  ],
  [
    "one for each type of layer",
    { rope_parameters: { full_attention: { rope_type: "default", rope_theta: 1e6 } } },
    /rope_parameters.full_attention {.*} is not supported: all layers must share one rotary embedding/,
  ],
  ["a list", { rope_scaling: [] }, /rope_scaling is \[\]; it must be an object/],
  ["a text", { rope_scaling: "linear" }, /rope_scaling is "linear"; it must be an object/],
  [
    "lists of factors",
    { rope_scaling: { type: "default", short_factor: [1, 2] } },
    /rope_scaling.short_factor \[1,2\] is not supported/,
  ],
  [
    "a member that is not known",
    { rope_parameters: { rope_type: "default", mrope_section: 3 } },
    /rope_parameters.mrope_section 3 is not supported with rope_type "default"/,
  ],
  ["no factor", { rope_scaling: { type: "linear" } }, /rope_scaling.factor is missing/],
  [
    "a factor that is text",
    { rope_scaling: { type: "linear", factor: "4" } },
    /rope_scaling.factor is "4"; it must be a number/,
  ],
  [
    "a factor below 1",
    { rope_scaling: { type: "linear", factor: 0.5 } },
    /rope_scaling.factor is 0.5; it must be a number from 1/,
  ],
  [
    "factors the wrong way round",
    { rope_scaling: { ...llama3, low_freq_factor: 4 } },
    /low_freq_factor 4 must be under high_freq_factor 4/,
  ],
  [
    "two fields that contradict",
    { rope_scaling: { type: "linear", factor: 2 }, rope_parameters: { type: "linear", factor: 4 } },
    /rope_scaling and rope_parameters contradict/,
  ],
  [
    "two bases that contradict",
    { rope_parameters: { rope_theta: 5e5 } },
    /rope_theta 10000 and rope_parameters.rope_theta 500000 contradict/,
  ],
  [
    "heads that are turned in part",
    { partial_rotary_factor: 0.5 },
    /partial_rotary_factor 0.5 is not supported; supported: 1/,
  ],
  [
    "the same there",
    { rope_parameters: { partial_rotary_factor: 0.5 } },
    /rope_parameters.partial_rotary_factor 0.5 is not supported/,
  ],
  [
    "a base that is not positive",
    { ...plain, rope_parameters: { rope_theta: -1 } },
    /rope_parameters.rope_theta is -1/,
  ],
] as const;

test("a rotary embedding of an unknown form is refused by name and never treated as plain", async (t) => {
  for (const [what, change, expected] of strangeRopes) {
    await t.test(what, () => {
      assert.throws(
        () => readModelConfig({ ...llama, ...change }),
        (error: unknown) => error instanceof UnsupportedModelError && expected.test(error.message),
      );
    });
  }
});
