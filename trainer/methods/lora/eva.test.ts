/** How far EVA reads the data, and the memory that it takes; test/golden/eva.test.ts compares its result with PEFT's. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { effectiveMethod } from "../../contract/methods/index.ts";
import { lora } from "../../contract/methods/lora.ts";
import type { SetupHost } from "../../graph/site.ts";
import { addon } from "../../native/addon.ts";
import { buildNative } from "../../native/build.ts";
import { randomValues } from "../../testing/graphs.ts";
import { setUpEva } from "./eva.ts";

before(() => buildNative());

const settings = lora.schema.parse(effectiveMethod({ lora: { rank: 2, initialization: "EVA", evaTau: "0.9999999" } }));

const width = 6;

/** Data of `batches` batches with `tokens` trained tokens each in turn; no two have similar directions. */
function hostOf(batches: number, tokens: readonly number[]): { host: SetupHost; read: number[] } {
  const read: number[] = [];
  const trainedTokens = (batch: number) => tokens[(batch % batches) % tokens.length] ?? 0;
  const host: SetupHost = {
    batches,
    blocks: 1,
    trainedTokens,
    async inputs(batch) {
      read.push(batch);
      const rows = trainedTokens(batch);
      const values = Float32Array.from(randomValues(rows * width, 1 + batch));
      return [{ sites: ["model.layers.0.mlp.down_proj"], values, rows, width }];
    },
    principal: (values, rows, columns, rank) => addon().decompose(values, rows, columns, rank, "principal", 1),
    values: () => new Float32Array(4 * width),
    names: () => [],
    observe: () => Promise.reject(new Error("EVA observes nothing")),
    examples: 0,
    differentiate: () => Promise.reject(new Error("EVA differentiates nothing")),
  };
  return { host, read };
}

test("little data is read ten times, without its batches of too few trained tokens", async () => {
  const { host, read } = hostOf(3, [8, 2, 8]);
  await setUpEva(host, settings);
  assert.deepEqual(
    read,
    Array.from({ length: 30 }, (_, batch) => batch).filter((batch) => batch % 3 !== 1),
  );
});

test("of more data a hundred batches are read", async () => {
  const { host, read } = hostOf(1000, [8]);
  await setUpEva(host, settings);
  assert.equal(read.length, 100);
});

test("where no batch has enough trained tokens, only the first is computed before the refusal", async () => {
  const { host, read } = hostOf(50, [3]);
  await assert.rejects(setUpEva(host, settings), { reason: "TooFewTokens" });
  assert.deepEqual(read, [0]);
});
