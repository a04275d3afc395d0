/** Compares NF4 with bitsandbytes' CPU path: the bytes and the restored values are bit-identical. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { emit } from "../../trainer/compile/emit.ts";
import { dequantizeNf4 } from "../../trainer/formats/nf4.ts";
import type { Tensor } from "../../trainer/graph/tensor.ts";
import { addon, type Backend } from "../../trainer/native/addon.ts";
import { linear } from "../../trainer/ops/linear/op.ts";
import { Tensors } from "./goldens.ts";

const golden = new Tensors("nf4.safetensors");
const names = golden.names().flatMap((name) => (name.endsWith("/input") ? [name.slice(0, -"/input".length)] : []));

/** The cases whose scales have a finite mean, which bitsandbytes quantises twice. */
const twice = names.filter((name) => golden.names().includes(`${name}/nested_codes`));

/** Nested absmax with the offset as its last element, the form that our engine binds. */
const nestedScales = (name: string) =>
  bytesOf(Float32Array.of(...golden.values(`${name}/nested_absmax`), ...golden.values(`${name}/offset`)));

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("quantising gives bitsandbytes' bytes", () => {
  for (const name of names) {
    const { dtype } = golden.entry(`${name}/input`);
    const input = golden.bytes(`${name}/input`);
    assert.ok(dtype === "F32" || dtype === "BF16");
    test(`${name} is quantised to the same bytes`, () => {
      const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(input, dtype, false);
      assert.equal(hex(packed), hex(golden.bytes(`${name}/packed`)));
      assert.equal(hex(absmax), hex(golden.bytes(`${name}/absmax`)));
      assert.equal(nestedAbsmax, undefined);
    });
    if (!twice.includes(name)) {
      test(`${name} is not quantised twice, because the mean of its scales overflows`, () => {
        assert.throws(() => addon().quantizeNf4(input, dtype, true), /the mean of its blocks' scales overflows/);
      });
      continue;
    }
    test(`${name}, quantised twice, gives the same numbers`, () => {
      const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(input, dtype, true);
      assert.equal(hex(packed), hex(golden.bytes(`${name}/packed`)));
      assert.ok(nestedAbsmax);
      assert.equal(hex(nestedAbsmax), hex(nestedScales(name)));
      assert.equal(hex(absmax), hex(golden.bytes(`${name}/nested_codes`)));
    });
  }
});

/** Matrices of whole blocks, which a linear layer can use. */
const matrices = names.filter((name) => golden.entry(`${name}/input`).shape[1] === 64);

for (const backend of ["cpu", "reference"] as const) {
  describe(`${backend} restores bitsandbytes' values`, () => {
    for (const name of matrices) {
      const shape = golden.entry(`${name}/input`).shape;
      test(`${name} is restored to the same values`, async () => {
        const parts = [golden.bytes(`${name}/packed`), golden.bytes(`${name}/absmax`)];
        sameValues(await restored(backend, shape, parts), golden.values(`${name}/values`));
      });
      if (!twice.includes(name)) continue;
      test(`${name}, quantised twice, gives the same numbers`, async () => {
        const parts = [golden.bytes(`${name}/packed`), golden.bytes(`${name}/nested_codes`), nestedScales(name)];
        sameValues(await restored(backend, shape, parts), golden.values(`${name}/nested_values`));
      });
    }
  });
}

describe("merging restores bitsandbytes' values", () => {
  for (const name of names) {
    const count = golden.entry(`${name}/input`).shape.reduce((product, dim) => product * dim, 1);
    test(`${name} is restored to the same values on the host`, () => {
      const parts = { packed: golden.bytes(`${name}/packed`), absmax: golden.bytes(`${name}/absmax`) };
      sameValues(dequantizeNf4(parts, count), golden.values(`${name}/values`));
    });
    if (!twice.includes(name)) continue;
    test(`${name}, quantised twice, gives the same numbers`, () => {
      const absmax = golden.bytes(`${name}/nested_codes`);
      const parts = { packed: golden.bytes(`${name}/packed`), absmax, nestedAbsmax: nestedScales(name) };
      sameValues(dequantizeNf4(parts, count), golden.values(`${name}/nested_values`));
    });
  }
});

function sameValues(ours: Float32Array, expected: Float32Array | Float64Array): void {
  assert.equal(ours.length, expected.length);
  const index = ours.findIndex((value, at) => value !== expected[at]);
  assert.equal(index, -1, `element ${index} is ${ours[index]}, ${expected[index]} in bitsandbytes`);
}

/** The matrix of NF4 parts as a linear layer computes it, from its outputs for the unit vectors. */
async function restored(backend: Backend, shape: readonly number[], parts: Uint8Array[]): Promise<Float32Array> {
  const [out = 0, width = 0] = shape;
  const tensor = (name: string, rows: number, columns: number, storage: Tensor["storage"] = "dense"): Tensor => ({
    name,
    role: storage === "NF4" ? "frozen" : "input",
    dtype: "F32",
    storage,
    shape: [rows, columns],
  });
  const [x, w, y] = [tensor("x", width, width), tensor("w", out, width, "NF4"), tensor("y", width, out)];
  const offsets = new Map([
    [x, 0],
    [y, 4 * width * width],
  ]);
  const ioBytes = Math.ceil((4 * width * (width + out)) / 64) * 64;
  const program = emit({
    nodes: [
      {
        op: linear,
        operands: { x, w, y },
        outputs: {},
        attributes: { tailScale: 1 },
        block: undefined,
        backward: false,
      },
    ],
    released: [],
    locate(operand) {
      const offset = offsets.get(operand);
      return offset === undefined
        ? { region: "weights", bindings: [0, 1, parts.length === 3 ? 2 : -1] }
        : { region: "io", offset };
    },
    arenaBytes: 0,
    stateBytes: 0,
    ioBytes,
    weightCount: parts.length,
  });
  const sizes = { stateBytes: 0, arenaBytes: 0, ioBytes, threadScratchBytes: 0, sharedScratchBytes: 0 };
  const options = { backend, threads: 1, poison: false, weights: parts.length };
  const executor = addon().createExecutor({ ...options, ...sizes });
  try {
    for (const [binding, data] of parts.entries()) executor.bind(binding, { data });
    const io = new Float32Array(executor.io.buffer, executor.io.byteOffset, width * (width + out));
    for (let i = 0; i < width; i++) io[i * width + i] = 1;
    await executor.run(executor.load(program));
    return transposed(io.subarray(width * width), width, out);
  } finally {
    executor.close();
  }
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: values.length }, (_, index) => {
    const [column, row] = [Math.floor(index / rows), index % rows];
    return values[row * columns + column]!;
  });
}
