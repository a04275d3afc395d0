/** Blocks of GGUF: their numbers after a round trip, at the edges too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBlocks, encodeBlocks, type GgufType, ggufTypes, isGgufType } from "./ggufTypes.ts";

/** Standard normal numbers, the same each time. */
function normals(count: number): Float32Array {
  let state = 7;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

const back = (type: GgufType, values: Float32Array) => decodeBlocks(type, encodeBlocks(type, values));
const error = (values: Float32Array, found: Float32Array) => {
  const squares = (list: Float32Array) => list.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares(values.map((value, index) => value - found[index]!)) / squares(values));
};

/** The root of the mean square of the errors of normal numbers, as a share of theirs. */
const errors: Readonly<Record<GgufType, number>> = {
  ...{ F32: 0, F16: 2.5e-4, BF16: 2e-3, Q8_0: 6e-3 },
  ...{ Q6_K: 0.019, Q5_K: 0.036, Q4_K: 0.075 },
};

for (const [type, most] of Object.entries(errors)) {
  if (!isGgufType(type)) continue;
  test(`${type} holds normal numbers within its error, zeros exactly, and the blocks' bytes`, () => {
    const values = normals(64 * 256);
    const found = error(values, back(type, values));
    assert.ok(found <= most && found >= most / 2, `${found}`);
    assert.ok(back(type, new Float32Array(512)).every((value) => value === 0));
    assert.equal(encodeBlocks(type, values).length, (values.length / ggufTypes[type].block) * ggufTypes[type].bytes);
    for (const scale of [1e-2, 100]) {
      const scaled = values.map((value) => value * scale);
      assert.ok(error(scaled, back(type, scaled)) <= 1.2 * most);
    }
  });
}

test("groups of one sign, of one number and of one outlier survive", () => {
  for (const type of ["Q8_0", "Q6_K", "Q5_K", "Q4_K"] as const) {
    const [positive, same, outlier] = [
      normals(256).map(Math.abs),
      new Float32Array(256).fill(-0.3),
      new Float32Array(256),
    ];
    outlier[77] = 5;
    for (const values of [positive, positive.map((value) => -value), same, outlier])
      assert.ok(error(values, back(type, values)) < 0.08, `${type}: ${error(values, back(type, values))}`);
  }
});
