import assert from "node:assert/strict";
import { test } from "node:test";
import { nearHash } from "./nearHash.ts";

const text = (words: readonly number[]) => Buffer.from(words.map((word) => `word${word}`).join(" "));
const range = (count: number, from: number) => Array.from({ length: count }, (_, index) => from + index);
const isNear = (a: Uint32Array, b: Uint32Array) => a.some((key, index) => key !== 0 && key === b[index]);

test("texts that differ in one word of a hundred share a key, and half different ones rarely do", () => {
  let [near, half, other] = [0, 0, 0];
  for (let from = 0; from < 100_000; from += 1000) {
    const words = range(100, from);
    const keys = nearHash(text(words));
    if (isNear(keys, nearHash(text(words.with(from % 97, 7_000_000))))) near++;
    if (isNear(keys, nearHash(text([...words.slice(0, 66), ...range(34, 8_000_000)])))) half++;
    if (isNear(keys, nearHash(text(range(100, from + 500))))) other++;
  }
  assert.ok(near >= 95 && half <= 20 && other === 0, `${near} ${half} ${other} of 100`);
});

test("texts of few words have no key", () => {
  assert.deepEqual([...nearHash(text(range(19, 0)))], [0, 0, 0, 0, 0]);
  assert.ok(nearHash(text(range(20, 0))).every((key) => key !== 0));
});
