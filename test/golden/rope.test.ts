/** Compares our rotary tables and schedules with those of transformers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { readModelConfig } from "../../trainer/contract/model.ts";
import { ropeTable } from "../../trainer/models/rope.ts";
import { learningRate } from "../../trainer/training/schedule.ts";
import { goldenPath, readSchedules, Tensors } from "./goldens.ts";

const headDim = 64;
/** One unit in the last place of a cosine near 1: transformers' own cosine is not correctly rounded. */
const bound = 2 ** -24;

/** Compares one of our tables with the golden's of this name. */
function holdTable(golden: Tensors, name: string, model: Parameters<typeof ropeTable>[0]): void {
  const positions = new Int32Array(golden.bytes("positions").buffer);
  const table = ropeTable(model, Math.max(...positions) + 1);
  for (const part of ["cos", "sin"] as const) {
    const expected = golden.values(`${name}/${part}`);
    // YaRN's factor makes them larger than 1, where the last place counts twice as much.
    const room = Math.max(...expected) > 1 ? 2 * bound : bound;
    for (const [index, position] of positions.entries()) {
      for (let i = 0; i < table.width; i++) {
        const away = Math.abs(table[part][position * table.width + i]! - expected[index * table.width + i]!);
        assert.ok(away <= room, `${name}: ${part} of position ${position}, pair ${i} is ${away} away`);
      }
    }
  }
}

test("cosines and sines equal those of transformers to the last place, at any position", () => {
  const golden = new Tensors("rope.safetensors");
  for (const ropeTheta of [10_000, 500_000]) holdTable(golden, `theta-${ropeTheta}`, { headDim, ropeTheta });
});

const scalings = z
  .record(z.string(), z.looseObject({}))
  .parse(JSON.parse(readFileSync(goldenPath("rope-scaling.json"), "utf8")));

for (const [name, fields] of Object.entries(scalings)) {
  test(`the tables of scaling ${name} equal those of transformers to the last place`, () => {
    const sizes = {
      vocab_size: 9,
      hidden_size: 64,
      intermediate_size: 9,
      num_hidden_layers: 1,
      num_attention_heads: 1,
    };
    const config = { model_type: "llama", ...sizes, head_dim: headDim, max_position_embeddings: 131_072, ...fields };
    holdTable(new Tensors("rope-scaling.safetensors"), name, readModelConfig(config));
  });
}

test("schedules equal those of transformers, except for a first step at rate 0", () => {
  for (const { warmupSteps, decaySteps, rates, ...written } of readSchedules()) {
    const steps = rates.length;
    const decayRatio = decaySteps === undefined ? undefined : decaySteps / steps;
    const settings = { learningRate: 1, schedule: { ...written, decayRatio, warmupRatio: warmupSteps / steps } };
    for (let step = 1; step <= steps; step++) {
      // Theirs warms up from 0 at step 1; ours reaches the peak with the last step of the warm-up.
      const theirs = step <= warmupSteps ? rates[step]! : rates[step - 1]!;
      const ours = learningRate(settings, step, steps);
      assert.ok(
        Math.abs(ours - theirs) < 1e-12,
        `${JSON.stringify(settings.schedule)}, step ${step}: ${ours} instead of ${theirs}`,
      );
    }
  }
});
