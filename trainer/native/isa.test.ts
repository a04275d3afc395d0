/**
 * The choice of the instruction set, and the arithmetic of AMX's tile products, in assembly where the machine has them and
 * emulated everywhere.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { before, test } from "node:test";
import { emit } from "../compile/emit.ts";
import { toBfloat16, widened } from "../formats/bfloat16.ts";
import type { Tensor } from "../graph/tensor.ts";
import { gradWeight } from "../ops/gradWeight/op.ts";
import { CaseFiles } from "../testing/caseFiles.ts";
import { kernelCases } from "../testing/kernelCases.ts";
import { opCase, uniform } from "../testing/opCases.ts";
import { addon, type InstructionSet } from "./addon.ts";
import { buildNative } from "./build.ts";
import { executorPath } from "./paths.ts";

before(() => buildNative());

/** The output of another process that prints its instruction set. */
function inProcess(environment: Record<string, string>): { stdout: string; stderr: string } {
  const addonFile = new URL("./addon.ts", import.meta.url).href;
  const program = `import { addon } from ${JSON.stringify(addonFile)}; console.log(addon().info().isa);`;
  const { LUTHIER_ISA: _, ...inherited } = process.env;
  return spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    env: { ...inherited, ...environment },
  });
}

test("each process chooses the same instruction set, never the emulated one", () => {
  const chosen = Array.from({ length: 4 }, () => inProcess({}).stdout.trim());
  assert.equal(new Set(chosen).size, 1, `${chosen}`);
  const { isas } = addon().info();
  assert.ok(isas.some((isa) => isa === chosen[0]) && chosen[0] !== "AMX_BF16_EMULATED", `${chosen[0]} of ${isas}`);
});

test("LUTHIER_ISA chooses an instruction set of the machine; another name is refused with the names", () => {
  assert.equal(inProcess({ LUTHIER_ISA: "AVX2" }).stdout.trim(), "AVX2");
  assert.match(inProcess({ LUTHIER_ISA: "avx2" }).stderr, /LUTHIER_ISA is avx2: use AVX2, .*AMX_BF16_EMULATED/);
});

const [rows, columns] = [16, 16];

/** A gradient of a weight, dyᵀ·x in F32: with up to 32 tokens a single tile product. */
async function gradient(isa: InstructionSet, dy: Float32Array, x: Float32Array): Promise<Float32Array> {
  const tokens = dy.length / rows;
  const operand = (name: string, dtype: Tensor["dtype"], shape: number[]): Tensor => ({
    ...{ name, dtype, shape },
    role: "input",
    storage: "dense",
  });
  const operands = {
    dy: operand("dy", "BF16", [tokens, rows]),
    x: operand("x", "BF16", [tokens, columns]),
    dW: operand("dW", "F32", [rows, columns]),
  };
  const [xAt, sumAt] = [dy.length * 2, (dy.length + x.length) * 2];
  const offsets = new Map([
    [operands.dy, 0],
    [operands.x, xAt],
    [operands.dW, sumAt],
  ]);
  const ioBytes = sumAt + rows * columns * 4;
  process.env.LUTHIER_ISA = isa;
  const executor = addon().createExecutor({
    ...{ backend: "cpu", threads: 1, stateBytes: 0, arenaBytes: 0, ioBytes, weights: 0, poison: false },
    ...{ threadScratchBytes: 1 << 20, sharedScratchBytes: 0 },
  });
  delete process.env.LUTHIER_ISA;
  const program = emit({
    nodes: [{ op: gradWeight, operands, outputs: {}, attributes: { scale: 1 }, block: undefined, backward: false }],
    released: [],
    locate: (tensor) => ({ region: "io", offset: offsets.get(tensor)! }),
    ...{ arenaBytes: 0, stateBytes: 0, ioBytes, weightCount: 0 },
  });
  for (const [at, values] of [
    [0, dy],
    [xAt, x],
  ] as const) {
    executor.io.set(new Uint8Array(toBfloat16(values).buffer), at);
  }
  await executor.run(executor.load(program));
  const sums = new Float32Array(executor.io.slice(sumAt).buffer);
  executor.close();
  return sums;
}

const smallestNormal = 2 ** -126;
const flushed = (value: number): number => (Math.abs(value) < smallestNormal ? 0 : value);

/**
 * The same by Intel's definition of TDPBF16PS: even and odd tokens apart, by FMA from zero, for each 32 tokens. The products of
 * two BF16 are exact in double, and with the values below so are their sums before each rounding.
 */
function defined(dy: Float32Array, x: Float32Array): Float32Array {
  const tokens = dy.length / rows;
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let first = 0; first < tokens; first += 32) {
      const halves = [0, 0];
      for (let token = first; token < Math.min(tokens, first + 32); token++) {
        const product = flushed(dy[token * rows + row]!) * flushed(x[token * columns + column]!);
        halves[token % 2] = flushed(Math.fround(halves[token % 2]! + product));
      }
      sum = flushed(Math.fround(sum + flushed(Math.fround(halves[0]! + halves[1]!))));
    }
    return sum;
  });
}

/** BF16 values with exponents in a range, of both signs. */
function values(count: number, seed: number, [least, most]: readonly [number, number]): Float32Array {
  const next = uniform(seed);
  const floats = Float32Array.from({ length: count }, () => {
    const exponent = least + Math.floor(next() * (most - least + 1));
    return (next() < 0.5 ? -1 : 1) * (1 + next()) * 2 ** exponent;
  });
  return widened(new Uint8Array(toBfloat16(floats).buffer), "BF16");
}

const tileSets = () =>
  addon()
    .info()
    .isas.filter((isa) => isa.startsWith("AMX_BF16"));

const ranges: readonly [string, number, readonly [number, number], readonly [number, number]][] = [
  ["32 tokens", 32, [-6, 6], [-6, 6]],
  ["7 tokens", 7, [-6, 6], [-6, 6]],
  ["100 tokens", 100, [-6, 6], [-6, 6]],
  ["inputs around the smallest normal number", 32, [-130, -120], [-2, 2]],
  ["products around the smallest normal number", 32, [-66, -60], [-66, -60]],
];

for (const [title, tokens, left, right] of ranges) {
  test(`tile products have the bits of Intel's definition: ${title}`, async () => {
    const [dy, x] = [values(tokens * rows, 5, left), values(tokens * columns, 6, right)];
    const expected = defined(dy, x);
    assert.ok(new Set(expected).size > 20, "the values are too alike to test anything");
    for (const isa of tileSets()) assert.deepEqual(await gradient(isa, dy, x), expected, isa);
  });
}

const withoutTiles = () =>
  addon().info().isas.includes("AMX_BF16") ? false : "this machine has no AMX; the emulated tiles were tested alone";

test("the tiles of this machine and the emulated ones give products with the same bits", {
  skip: withoutTiles(),
}, async () => {
  const products = new Set(["linear", "linearInput", "gradWeight"]);
  const cases = (await kernelCases()).filter(
    ({ op, name }) => products.has(op.name) && name.startsWith(`${op.name} BF16 `),
  );
  assert.ok(cases.length > 20);
  const files = new CaseFiles(cases.map((one) => ({ name: one.name, bytes: opCase(one) })));
  try {
    const options = ["--isa", "AMX_BF16", "--against", "cpu", "--against-isa", "AMX_BF16_EMULATED", "--bitwise"];
    assert.deepEqual(files.failuresOf(executorPath, ...options), []);
  } finally {
    files.remove();
  }
});
