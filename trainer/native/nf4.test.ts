/** Quantising to NF4 gives the bytes that bitsandbytes gives on a CPU (golden/nf4.py), hard blocks included. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { addon } from "./addon.ts";
import { buildNative } from "./build.ts";

interface Golden {
  hard: string;
  packed: string;
  absmax: string;
  double: { packed: string; absmaxCodes: string; nestedAbsmax: string; offset: number };
  bf16: { packed: string; absmax: string };
}

const golden = JSON.parse(readFileSync(new URL("./golden/nf4.json", import.meta.url), "utf8")) as Golden;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const floats = (data: Uint8Array): Float32Array => new Float32Array(data.slice().buffer);

/** As golden/nf4.py makes them. */
const fromIndex = (i: number): number =>
  ((Number((BigInt(i) * 2654435761n) & 0xffffffffn) >>> 12) / 2 ** 20 - 0.5) * 2 ** -(Math.floor(i / 64) % 7);

const hard = floats(bytes(golden.hard));
const rest = Float32Array.from({ length: 300 * 64 + 33 - hard.length }, (_, i) => fromIndex(hard.length + i));
const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);

before(() => buildNative());

test("packed nibbles and absmax are bitsandbytes'", () => {
  const { packed, absmax } = addon().quantizeNf4(bytesOf(Float32Array.from([...hard, ...rest])), "F32", false);
  assert.deepEqual(packed, bytes(golden.packed));
  assert.deepEqual(floats(absmax), floats(bytes(golden.absmax)));
});

test("BF16 values quantise like the floats they stand for", () => {
  const halves = Uint16Array.from(new Uint32Array(rest.buffer), (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
  const { packed, absmax } = addon().quantizeNf4(new Uint8Array(halves.buffer), "BF16", false);
  assert.deepEqual(packed, bytes(golden.bf16.packed));
  assert.deepEqual(floats(absmax), floats(bytes(golden.bf16.absmax)));
});

test("double quantisation gives bitsandbytes' codes; its offset is the mean, rounded once", () => {
  const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(bytesOf(rest), "F32", true);
  const nested = floats(nestedAbsmax!);
  const expected = floats(bytes(golden.double.nestedAbsmax));
  const near = (actual: number, wanted: number) =>
    assert(Math.abs(actual - wanted) <= 2e-6 * Math.abs(wanted), `${actual} ${wanted}`);
  assert.deepEqual(packed, bytes(golden.double.packed));
  assert.deepEqual(absmax, bytes(golden.double.absmaxCodes));
  near(nested.at(-1)!, golden.double.offset);
  expected.forEach((scale, i) => {
    near(nested[i]!, scale);
  });
});

test("a type that is no weight's is refused by name", () => {
  assert.throws(() => addon().quantizeNf4(new Uint8Array(8), "F64" as "F32", false), /takes F32 or BF16, not F64/);
});
