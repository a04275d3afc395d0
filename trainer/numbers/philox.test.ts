import assert from "node:assert/strict";
import { test } from "node:test";
import { philox, word } from "./philox.ts";

/** Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds). */
const known: [Parameters<typeof philox>[0], Parameters<typeof philox>[1], number[]][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test("Philox4x32-10 gives the published words", () => {
  for (const [counter, key, expected] of known) assert.deepEqual(philox(counter, key), expected);
});

test("a single word equals the word of its block", () => {
  const [a, b, c, d] = philox([2, 0, 5, 0], [1, 9]);
  assert.deepEqual(
    [8, 9, 10, 11].map((index) => word(index, 5, [1, 9])),
    [a, b, c, d],
  );
});
