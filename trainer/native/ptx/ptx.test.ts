/**
 * The PTX interpreter by itself: instructions against values from the PTX ISA's definitions, and kernels with a planted bug, each
 * of which it must find in every schedule. With LUTHIER_CUDA_DRIVER set, the instructions run on that driver's GPU instead.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { buildNative } from "../build.ts";
import { emulatedDriverPath, ptxRunnerPath } from "../paths.ts";
import { type Instruction, instructions } from "./instructions.ts";
import { bugs, correct, type Kernel } from "./plantedBugs.ts";

const directory = mkdtempSync(join(tmpdir(), "luthier-ptx-"));
before(() => buildNative());
after(() => rmSync(directory, { recursive: true }));

const header = ".version 8.0\n.target sm_80\n.address_size 64\n";

function run(text: string, blocks: number, threads: number, buffer: Uint8Array, seed = 0) {
  const file = join(directory, "module.ptx");
  writeFileSync(file, `// ${header}${text}`.replace("// .version", "//\n.version"));
  const driver = process.env.LUTHIER_CUDA_DRIVER ?? emulatedDriverPath;
  const env = { ...process.env, LUTHIER_CUDA_DRIVER: driver, LUTHIER_PTX_SEED: String(seed) };
  const { status, stdout, stderr } = spawnSync(ptxRunnerPath, [file, "test", String(blocks), String(threads)], {
    env,
    input: buffer,
  });
  return { status, result: new Uint8Array(stdout), stderr: String(stderr) };
}

/** One thread computes all of them: row i of the buffer has four operands and the result, 8 bytes each. */
function table(rows: readonly Instruction[]): string {
  const body = rows.map(({ opcode, register, inputs }, row) => {
    const [d, ...sources] = ["d", "a", "b", "c", "e"].slice(0, inputs.length + 1).map((name) => `%${name}${row}`);
    const types = register.split(" ");
    const declared = [d, ...sources].map((name, k) => `.reg .${types[k] ?? types.at(-1)} ${name};`);
    const loads = sources.map((name, k) => {
      const type = types[k + 1] ?? types.at(-1) ?? "";
      const at = `[%base+${40 * row + 8 * k}]`;
      return type === "pred"
        ? `ld.global.u32 %t, ${at}; setp.ne.u32 ${name}, %t, 0;`
        : `ld.global.${type} ${name}, ${at};`;
    });
    const at = `[%base+${40 * row + 32}]`;
    const store =
      types[0] === "pred" ? `selp.u32 %t, 1, 0, ${d}; st.global.u32 ${at}, %t;` : `st.global.${types[0]} ${at}, ${d};`;
    return [...declared, ...loads, `${opcode} ${[d, ...sources].join(", ")};`, store].join("\n");
  });
  return `.visible .entry test(.param .u64 p, .param .u32 n) {
.reg .u64 %base; .reg .u32 %t;
ld.param.u64 %base, [p]; cvta.to.global.u64 %base, %base;
${body.join("\n")}
ret; }`;
}

suite("the PTX interpreter", () => {
  test("executes each instruction as the PTX ISA defines it", () => {
    const buffer = new Uint8Array(40 * instructions.length);
    const view = new DataView(buffer.buffer);
    for (const [row, { inputs }] of instructions.entries()) {
      for (const [k, bits] of inputs.entries()) view.setBigUint64(40 * row + 8 * k, bits, true);
    }
    const { status, result, stderr } = run(table(instructions), 1, 1, buffer);
    assert.equal(status, 0, stderr);
    const bits = new DataView(result.buffer);
    for (const [row, { opcode, inputs, result: expected, bytes }] of instructions.entries()) {
      const actual = BigInt.asUintN(8 * bytes, bits.getBigUint64(40 * row + 32, true));
      const shown = `${opcode} ${inputs.map((bits) => `0x${bits.toString(16)}`).join(", ")}`;
      assert.equal(`0x${actual.toString(16)}`, `0x${expected.toString(16)}`, shown);
    }
  });

  test("refuses a module with an unknown opcode, with its line", () => {
    const { status, stderr } = run(
      ".visible .entry test(.param .u64 p, .param .u32 n) {\nfly.me.to.the.moon;\nret; }",
      1,
      1,
      new Uint8Array(4),
    );
    assert.equal(status, 1);
    assert.match(stderr, /CUDA_ERROR_INVALID_PTX, PTX line 6: the opcode fly\.me\.to\.the\.moon is not known/);
  });

  const runKernel = ({ text, blocks, threads }: Kernel, seed: number) =>
    run(text, blocks, threads, new Uint8Array(4096), seed);

  for (const kernel of correct) {
    test(`runs a kernel without a bug: ${kernel.name}`, () => {
      for (const seed of [0, 1, 2]) {
        const { status, stderr } = runKernel(kernel, seed);
        assert.equal(status, 0, stderr);
      }
    });
  }

  for (const bug of bugs) {
    test(`finds the planted bug in every schedule: ${bug.name}`, () => {
      for (const seed of [0, 1, 2]) {
        const { status, stderr } = runKernel(bug, seed);
        assert.equal(status, 1, bug.name);
        assert.match(stderr, bug.finds);
      }
    });
  }
});
