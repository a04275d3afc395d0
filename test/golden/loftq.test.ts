/** Compares LoftQ with PEFT: the quantised matrix and the product of the factors, and the training that starts from them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dequantizeNf4 } from "../../trainer/formats/nf4.ts";
import { quantizedWithFactors } from "../../trainer/stages/quantizedStart.ts";
import { Tensors } from "./goldens.ts";
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";
import { distance } from "./measure.ts";

holdCases(["loftq"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(["loftq", "loftq-qwen2"], {
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
});

const golden = new Tensors("loftq-matrix.safetensors");
const [rows, columns] = [24, 64];
const rank = 5;
const values = Float32Array.from(golden.values("weight"));

async function made(iterations: number, scale: number) {
  const how = { rank, scale, iterations, doubleQuantization: false, threads: 1 };
  const { quantized, a, b } = await quantizedWithFactors({ values, rows, columns }, how);
  const product = Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += scale * b[row * rank + k]! * a[k * columns + column]!;
    return sum;
  });
  return { restored: dequantizeNf4(quantized, values.length), product };
}

for (const iterations of [1, 3]) {
  for (const scale of [1, 2]) {
    test(`${iterations} iterations of LoftQ give PEFT's matrix and product, at scale ${scale}`, async () => {
      const { restored, product } = await made(iterations, scale);
      assert.ok(distance(restored, golden.values(`${iterations}/values`)) < 1e-6);
      assert.ok(distance(product, golden.values(`${iterations}/product`)) < 1e-5);
    });
  }
}

test("the factors bring the quantised matrix closer to the original, and more iterations still closer", async () => {
  const away = async (iterations: number) => {
    const { restored, product } = await made(iterations, 2);
    return distance(
      restored.map((value, at) => value + product[at]!),
      values,
    );
  };
  const plain = distance((await made(1, 2)).restored, values);
  const [once, often] = [await away(1), await away(5)];
  assert.ok(once < 0.9 * plain && often < once, `${plain}, ${once}, ${often}`);
});
