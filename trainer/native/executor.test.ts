/**
 * The executor's JavaScript interface: it refuses malformed programs with the reason, reports out-of-range data as an
 * error without crashing, runs one program at a time, and detaches the views when it closes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { emit } from "../compile/emit.ts";
import type { Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { embed } from "../ops/embed/op.ts";
import { linearCrossEntropy } from "../ops/linearCrossEntropy/op.ts";
import { scatterRows } from "../ops/scatterRows/op.ts";
import { uniform } from "../testing/opCases.ts";
import { addon, type Backend, type Executor, type ExecutorOptions } from "./addon.ts";
import { buildNative } from "./build.ts";
import { executorPath } from "./paths.ts";

const tokens = 4;
const width = 8;
const vocabulary = 5;

const tensor = (name: string, dtype: Tensor["dtype"], shape: number[], role: Tensor["role"]): Tensor => ({
  name,
  role,
  dtype,
  storage: "dense",
  shape,
});

/** A program that writes weight[ids] to each of these offsets of io in turn. ids is at 0; the weight's binding is 0. */
function embedsProgram(offsets: readonly number[]): Uint8Array {
  const ids = tensor("ids", "I32", [tokens], "input");
  const weight = tensor("weight", "F32", [vocabulary, width], "frozen");
  const outputs = new Map(offsets.map((offset) => [offset, tensor("y", "F32", [tokens, width], "input")]));
  const places = new Map([[ids, 0], ...[...outputs].map(([offset, y]) => [y, offset] as const)]);
  const nodes = offsets.map(
    (offset): Node => ({
      op: embed,
      operands: { ids, weight },
      outputs: { y: outputs.get(offset) },
      attributes: {},
      block: undefined,
      backward: false,
    }),
  );
  return emit({
    nodes,
    released: [],
    locate: (t) =>
      t === weight ? { region: "weights", bindings: [0, -1, -1] } : { region: "io", offset: places.get(t)! },
    arenaBytes: 0,
    stateBytes: 0,
    ioBytes: Math.max(...outputs.keys()) + 4 * tokens * width,
    weightCount: 1,
  });
}

/** A program with one output, at 64. */
const embedProgram = (): Uint8Array => embedsProgram([64]);

const options = (over: Partial<ExecutorOptions> = {}): ExecutorOptions => ({
  backend: "cpu",
  threads: 2,
  stateBytes: 64,
  arenaBytes: 64,
  ioBytes: 256,
  threadScratchBytes: 0,
  sharedScratchBytes: 0,
  weights: 1,
  poison: false,
  ...over,
});

const weightValues = Float32Array.from({ length: vocabulary * width }, (_, i) => i);

function open(over: Partial<ExecutorOptions> = {}): Executor {
  const executor = addon().createExecutor(options(over));
  if ((over.weights ?? 1) > 0) executor.bind(0, { data: new Uint8Array(weightValues.buffer) });
  return executor;
}

const idsOf = (executor: Executor): Int32Array => new Int32Array(executor.io.buffer, 0, tokens);
const outputOf = (executor: Executor): number[] => [...new Float32Array(executor.io.buffer, 64, tokens * width)];

/** The program with 32-bit words replaced from `index` on. */
function withWord(index: number, ...values: readonly number[]): Uint8Array {
  const words = new Int32Array(embedProgram().slice().buffer);
  words.set(values, index);
  return new Uint8Array(words.buffer);
}

const operandOf = (name: string, dtype: Tensor["dtype"], shape: number[], offset: number) => ({
  tensor: tensor(name, dtype, shape, "input"),
  offset,
});

/** A program of one instruction, with its operands at their offsets in 256 bytes of io. */
function programOf(op: Node["op"], operands: readonly ReturnType<typeof operandOf>[]): Uint8Array {
  const offsets = new Map(operands.map((operand) => [operand.tensor, operand.offset]));
  const named = Object.fromEntries(operands.map((operand) => [operand.tensor.name, operand.tensor]));
  return emit({
    nodes: [{ op, operands: named, outputs: {}, attributes: {}, block: undefined, backward: false }],
    released: [],
    locate: (operand) => ({ region: "io", offset: offsets.get(operand)! }),
    arenaBytes: 0,
    stateBytes: 0,
    ioBytes: 256,
    weightCount: 0,
  });
}

before(() => buildNative());

suite("running", () => {
  for (const backend of ["cpu", "reference", "reference64"] as const satisfies readonly Backend[]) {
    test(`a program runs on ${backend}`, async () => {
      const executor = open({ backend });
      idsOf(executor).set([4, 0, 2, 2]);
      await executor.run(executor.load(embedProgram()));
      const rows = [4, 0, 2, 2].flatMap((id) => [...weightValues.slice(id * width, (id + 1) * width)]);
      assert.deepEqual(outputOf(executor), rows);
      executor.close();
    });
  }

  test("the executor adds up the seconds of each instruction over its runs", async () => {
    const executor = open();
    idsOf(executor).set([4, 0, 2, 2]);
    const program = executor.load(embedsProgram([64, 64]));
    assert.deepEqual([...executor.instructionSeconds(program)], [0, 0]);
    await executor.run(program);
    const once = executor.instructionSeconds(program);
    assert.ok(once.length === 2 && once.every((seconds) => seconds > 0 && seconds < 10), `${once}`);
    await executor.run(program);
    assert.ok(executor.instructionSeconds(program).every((seconds, index) => seconds > once[index]!));
    assert.throws(() => executor.instructionSeconds(3), /no program 3 is loaded/);
    executor.close();
  });

  test("a program runs with a weight that is mapped from a file at an unaligned offset", async () => {
    const path = join(tmpdir(), `luthier-weight-${process.pid}`);
    writeFileSync(path, Buffer.concat([Buffer.alloc(13), Buffer.from(weightValues.buffer)]));
    const executor = open();
    executor.bind(0, { path, offset: 13, bytes: weightValues.byteLength });
    idsOf(executor).set([1, 1, 1, 1]);
    await executor.run(executor.load(embedProgram()));
    assert.deepEqual(outputOf(executor).slice(0, width), [...weightValues.slice(width, 2 * width)]);
    assert.throws(() => executor.bind(0, { path, offset: 14, bytes: weightValues.byteLength }), /too few for/);
    assert.throws(() => executor.bind(0, { path: `${path}-none`, offset: 0, bytes: 1 }), /cannot open/);
    executor.close();
  });
});

suite("errors", () => {
  // Header 12 words; tensors ids (12..23), weight (24..35), y (36..47); the instruction from 48.
  const refusals: [string, Uint8Array, RegExp][] = [
    ["no bytes", new Uint8Array(0), /magic LTHP is missing/],
    ["an incomplete last word", embedProgram().slice(0, -1), /whole number of 32-bit words/],
    ["a wrong magic", withWord(0, 1), /magic LTHP is missing/],
    ["a later version", withWord(1, 2), /program version 2/],
    ["a negative count", withWord(2, -3), /counts do not add up/],
    ["too many instructions", withWord(3, 2), /ends early|unknown opcode/],
    ["a truncated program", embedProgram().slice(0, -4), /counts do not add up/],
    ["more io than the executor has", withWord(9, 1000), /needs 1000 bytes of io, the executor has 256/],
    ["more weights than the executor has", withWord(11, 2), /names 2 weights, the executor has 1/],
    ["an unknown region", withWord(12, 9), /tensor 0: unknown region 9/],
    ["an unknown data type", withWord(13, 77), /tensor 0: unknown data type 77/],
    ["an unknown storage", withWord(14, 5), /tensor 0: unknown storage 5/],
    ["rank 0", withWord(15, 0), /rank 0 is not 1 to 4/],
    ["a negative dimension", withWord(16, -4), /dimension 0 is -4/],
    ["a tensor beyond its region", withWord(40, 1 << 20), /tensor 2: reaches beyond its region/],
    ["an offset beyond its region", withWord(45, 1 << 16), /tensor 2: reaches beyond its region/],
    ["a misaligned offset", withWord(45, 66), /tensor 2: misaligned offset 66/],
    ["a row stride shorter than a row", withWord(44, 3), /tensor 2: the row stride is shorter/],
    [
      "more elements than 64 bits can count",
      withWord(39, 3, 1 << 21, 1 << 21, 1 << 22),
      /tensor 2: more than 2\^42 elements/,
    ],
    [
      "rows that span too many elements",
      withWord(40, 2 ** 31 - 1, 8, 1, 1, 2 ** 31 - 1),
      /tensor 2: its rows span more than 2\^42/,
    ],
    ["a missing binding", withWord(33, 7), /weight binding 7 does not exist: the executor has 1/],
    ["an unknown opcode", withWord(48, 999), /unknown opcode 999/],
    ["too few operands", withWord(49, 2), /embed: takes 3 operands, has 2/],
    ["too many attributes", withWord(50, 1), /embed: takes 0 attributes, has 1/],
    ["an operand whose tensor is missing", withWord(51, 5), /embed: ids is tensor 5, which does not exist/],
    ["an absent required operand", withWord(52, -1), /embed: weight is tensor -1/],
    ["a written weight", withWord(53, 1), /embed: (y: dimension|writes y, a weight)/],
    ["indices of a wrong type", withWord(13, 0), /embed: ids: data type F32/],
    ["mismatched shapes", withWord(41, 7), /embed: y: dimension d is 7, not 8|row stride/],
  ];
  for (const [what, program, reason] of refusals) {
    test(`the executor refuses a program with ${what}`, () => {
      const executor = open();
      assert.throws(() => executor.load(program), reason);
      executor.close();
    });
  }

  test("a program with random words is refused or runs, and never crashes", async () => {
    const executor = open();
    const next = uniform(11);
    const interesting = [-1, 0, 1, 2, 3, 64, 2 ** 31 - 1, -(2 ** 31), 0x7f800000];
    for (let round = 0; round < 3000; round += 1) {
      const words = new Int32Array(embedProgram().slice().buffer);
      for (let changes = 1 + Math.floor(next() * 3); changes > 0; changes -= 1) {
        words[Math.floor(next() * words.length)] = interesting[Math.floor(next() * interesting.length)]!;
      }
      idsOf(executor).fill(0);
      try {
        await executor.run(executor.load(new Uint8Array(words.buffer)));
      } catch (error) {
        assert(error instanceof Error && error.message.length > 10);
      }
    }
    executor.close();
  });

  test("an id outside of the vocabulary rejects the run, and the error names op and row", async () => {
    const executor = open();
    const program = executor.load(embedProgram());
    idsOf(executor).set([0, 1, 5, 0]);
    await assert.rejects(executor.run(program), /embed: index 5 at row 2 of ids is not 0 to 4/);
    idsOf(executor).set([0, 1, 4, 0]);
    await executor.run(program);
    executor.close();
  });

  test("two rows that are scattered to one row reject the run", async () => {
    const executor = open();
    const scatter = programOf(scatterRows, [
      operandOf("dy", "F32", [2, 4], 0),
      operandOf("index", "I32", [2], 64),
      operandOf("dx", "F32", [3, 4], 128),
    ]);
    const program = executor.load(scatter);
    const index = new Int32Array(executor.io.buffer, 64, 2);
    index.set([2, 2]);
    await assert.rejects(executor.run(program), /scatterRows: two rows are written to row 2/);
    for (const rows of [
      [-1, -1],
      [2, 0],
    ]) {
      index.set(rows);
      await executor.run(program);
    }
    executor.close();
  });

  test("the executor refuses a program that writes a loss over the loss weights", () => {
    const executor = open();
    const overlapping = programOf(linearCrossEntropy, [
      operandOf("h", "F32", [2, 4], 0),
      operandOf("w", "F32", [3, 4], 64),
      operandOf("target", "I32", [2], 128),
      operandOf("lossWeight", "F32", [2], 144),
      operandOf("loss", "F64", [1], 192),
      operandOf("nll", "F32", [2], 140),
    ]);
    assert.throws(
      () => executor.load(overlapping),
      /linearCrossEntropy: writes over lossWeight, which was checked before/,
    );
    executor.close();
  });

  test("an unbound weight, or a weight that is too short, rejects the run", async () => {
    const executor = addon().createExecutor(options());
    const program = executor.load(embedProgram());
    await assert.rejects(executor.run(program), /weight 0 is not bound/);
    executor.bind(0, { data: new Uint8Array(12) });
    await assert.rejects(executor.run(program), /weight 0 has 12 bytes; tensor 1 of the program needs 160/);
    assert.throws(() => executor.bind(1, { data: new Uint8Array(12) }), /weight 1 does not exist: the executor has 1/);
    executor.close();
  });

  test("a run with an unknown handle is rejected", async () => {
    const executor = open();
    await assert.rejects(executor.run(3), /no program 3 is loaded/);
    executor.close();
  });

  test("the executor refuses invalid options", () => {
    assert.throws(() => addon().createExecutor(options({ backend: "gpu" as Backend })), /unknown backend gpu/);
    assert.throws(() => addon().createExecutor(options({ threads: -1 })), /threads must be an integer/);
    assert.throws(() => addon().createExecutor(options({ arenaBytes: 2 ** 52 })), /no memory for .* bytes of arena/);
  });

  test("more threads than a limit allows cause an error, not a crash", () => {
    // Each thread's stack takes 8 MiB of address space.
    const { status, stderr } = spawnSync(
      "sh",
      ["-c", 'ulimit -v 2000000 && exec "$0" --peak --threads 1024', executorPath],
      { encoding: "utf8" },
    );
    assert.equal(status, 2, stderr);
    assert.match(stderr, /cannot start 1024 threads/);
  });
});

test("quantizeNf4 refuses values of a type that weights cannot have", () => {
  assert.throws(() => addon().quantizeNf4(new Uint8Array(8), "F64" as "F32", false), /takes F32 or BF16, not F64/);
});

test("quantizeNf4 refuses values that are not finite", () => {
  for (const [value, word] of [
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "infinite"],
  ] as const) {
    const values = new Float32Array(200).fill(0.5);
    values[130] = value;
    const bytes = new Uint8Array(values.buffer);
    for (const double of [false, true]) {
      assert.throws(() => addon().quantizeNf4(bytes, "F32", double), new RegExp(`element 130 is ${word}`));
    }
  }
});

suite("one program at a time", () => {
  test("the executor refuses run, load, bind and close during a run", async () => {
    const executor = open();
    const program = executor.load(embedProgram());
    const first = executor.run(program);
    const second = executor.run(program);
    assert.throws(() => executor.load(embedProgram()), /a program is running/);
    assert.throws(() => executor.close(), /a program is running/);
    await assert.rejects(second, /a program is running/);
    await first;
    executor.close();
  });

  test("a cancelled program starts no further instruction, and runs completely the next time", async () => {
    const executor = open({ ioBytes: 512 });
    const program = executor.load(embedsProgram([...Array.from({ length: 100_000 }, () => 64), 192]));
    idsOf(executor).set([4, 0, 2, 2]);
    const last = new Float32Array(executor.io.buffer, 192, tokens * width);
    executor.cancel(); // has no effect, since no program is running
    // On a busy machine the program can end before the cancellation.
    let complete = true;
    for (let attempt = 0; complete && attempt < 20; attempt++) {
      last.fill(0);
      const running = executor.run(program);
      executor.cancel();
      complete = await running;
    }
    assert.equal(complete, false);
    assert.ok(last.every((value) => value === 0));
    assert.equal(await executor.run(program), true);
    assert.deepEqual([...last], outputOf(executor));
    assert.ok(last.some((value) => value !== 0));
    executor.close();
    assert.throws(() => executor.cancel(), /the executor is closed/);
  });

  test("closing detaches the views and ends the executor", () => {
    const executor = open();
    const { io } = executor;
    executor.close();
    assert.equal(io.byteLength, 0);
    assert.throws(() => executor.io, /the executor is closed/);
    assert.throws(() => executor.load(embedProgram()), /the executor is closed/);
    executor.close();
  });
});
