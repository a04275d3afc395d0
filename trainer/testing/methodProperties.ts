/**
 * The properties of every method, on random models with random settings: the division of a step changes only its rounding, and
 * no choice of the machine changes a bit.
 */
import assert from "node:assert/strict";
import { compile, linearLayers } from "../compile/compile.ts";
import { declarationOf } from "../contract/methods/index.ts";
import { dequantizeNf4 } from "../formats/nf4.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { isNf4 } from "../graph/nf4.ts";
import { rolesWith } from "../graph/roles.ts";
import type { LayerInputs, StepHost } from "../graph/site.ts";
import { methodOf } from "../methods/index.ts";
import { addon } from "../native/addon.ts";
import { hyperOf } from "../training/schedule.ts";
import { mergeTensor } from "../weights/merge.ts";
import { batchOf, type Example, type RunOptions, TestRun } from "./compiledRun.ts";
import { directionalError } from "./directions.ts";
import { relativeError } from "./graphs.ts";
import { type RandomTraining, randomTraining } from "./randomTraining.ts";

/** Throws an assertion that names the property, the method and the seed. */
export async function holdProperties(kind: string, seed: number): Promise<void> {
  const training = randomTraining(kind, seed);
  const { model, method, storage } = training.spec;
  for (const [name, property] of Object.entries(properties)) {
    await property(training).catch((error: unknown) => {
      const where = `${kind}, seed ${seed}, ${model.family}: ${name}`;
      throw new Error(`${where}\n${JSON.stringify({ model, method, storage })}\n${String(error)}`, { cause: error });
    });
  }
}

const properties: Readonly<Record<string, (training: RandomTraining) => Promise<void>>> = {
  "packed examples, examples alone and one batch have the same gradient": divisionsAgree,
  "every gradient equals finite differences of the whole step's loss": gradientsAreDifferences,
  "an example has the same loss to the bit alone and packed": packingChangesNoBit,
  "threads, recomputed blocks and NaN in dead memory change no bit": machineChangesNoBit,
  "a run that is stopped and resumed gives the same bits": resumingChangesNoBit,
  "a merged model computes the same as its base with the adapter": mergingChangesNothing,
};

const exact = { precision: "F64" } as const;
const onReference = { backend: "reference64" } as const;

/**
 * A division of a step rounds each sum over its micro-batches to F32, the type of gradients (2⁻²⁴), and changes nothing else. The
 * bounds are shares of the sum of absolute terms: of the largest element of each example's own gradient. The gradient itself is no
 * measure, because it may be a small sum of large terms. Of intrinsicDimension, seed 13, the terms of a scale are 0.109, −0.018
 * and −0.090 and their sum is 0.00087: one rounding of a term is 1e-5 of it. A single number is in turn a sum over a whole matrix,
 * whose terms are not seen here.
 */
const roundingOf = ({ length }: Float32Array): number => (length === 1 ? 256 : 16) * 2 ** -24;

async function divisionsAgree({ spec, examples }: RandomTraining): Promise<void> {
  const stepOf = (batches: readonly (readonly Example[])[], changes: Partial<CompileSpec> = {}) =>
    oneStep({ ...spec, ...exact, ...changes }, batches, countOf(examples), onReference);
  const packed = await stepOf([examples]);
  const alone = await stepOf(examples.map((example) => [example]));
  const together = await stepOf([[...examples].reverse()], { microRows: 2 });
  const terms = [];
  for (const example of examples) terms.push((await stepOf([[example]])).gradients);
  for (const other of [alone, together]) {
    assert.ok(Math.abs(other.loss - packed.loss) <= 1e-6 * Math.abs(packed.loss), "the loss differs");
    for (const [name, gradient] of packed.gradients) {
      const theirs = other.gradients.get(name)!;
      const size = terms.reduce((sum, term) => sum + largestOf(term.get(name)!), 0);
      const difference = largestOf(gradient.map((value, index) => value - theirs[index]!));
      assert.ok(difference <= roundingOf(gradient) * size, `${name}: ${difference} of ${size}`);
    }
  }
}

const largestOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** As in the paper, §4.3, the gradients of DoRA's A and B leave out that the norm of the updated matrix changes with them. */
const takesNormAsConstant = /\.lora_[AB]\.weight$/;

/**
 * Along one of three random directions: a kink of the loss between its two ends, as of a ReLU or of a router's choice, spoils
 * one of them, an error of a gradient all.
 */
async function gradientsAreDifferences({ spec, examples }: RandomTraining): Promise<void> {
  const run = new TestRun(compile({ ...spec, ...exact }), onReference);
  const batch = batchOf(examples, spec.rowTokens * spec.microRows, 1 / countOf(examples));
  const lossAt = async () => (await run.step([batch])) + run.penalty;
  await lossAt();
  for (const [name, gradient] of run.gradients()) {
    if (spec.method.kind === "dora" && takesNormAsConstant.test(name)) continue;
    const errors: number[] = [];
    for (const [seed, size] of [2 ** -13, 2 ** -16, 2 ** -15].entries()) {
      errors.push(await directionalError(run.floats("parameter", name), gradient, lossAt, { seed: 1 + seed, size }));
      if (errors.at(-1)! < 1e-5) break;
    }
    assert.ok(errors.at(-1)! < 1e-5, `${name}: ${errors.join(", ")} away`);
  }
  run.close();
}

async function packingChangesNoBit({ onCpu: spec, examples }: RandomTraining): Promise<void> {
  const run = new TestRun(compile(spec), { backend: "cpu" });
  await run.run({ program: "derive" });
  const nllOf = async (batch: readonly Example[]) => [...(await losses(run, spec, batch)).subarray(0, countOf(batch))];
  const packed = await nllOf(examples);
  const alone = [];
  for (const example of examples) alone.push(...(await nllOf([example])));
  run.close();
  assert.deepEqual(alone, packed);
}

async function machineChangesNoBit({ onCpu: spec, examples, pick }: RandomTraining): Promise<void> {
  const trained = async (changes: Partial<CompileSpec>, options: RunOptions) => {
    const changed = { ...spec, ...changes };
    const run = new TestRun(compile(changed), { backend: "cpu", ...options });
    await setUp(run, changed, examples, options.threads ?? 1);
    await train(run, changed, examples, 1, 1);
    const made = { loss: run.loss, gradients: bytesOf(run.gradients()), kept: checkpointOf(run) };
    run.close();
    return made;
  };
  const usual = await trained({}, { threads: 1, poison: false });
  const recomputedBlocks = pick(1, spec.model.layers);
  const other = await trained({ recomputedBlocks }, { threads: pick(2, 4), poison: true });
  assert.equal(other.loss, usual.loss, "the loss differs");
  sameBits(other.gradients, usual.gradients);
  sameBits(other.kept, usual.kept);
}

const steps = 4;

async function resumingChangesNoBit({ onCpu: spec, examples, pick }: RandomTraining): Promise<void> {
  const compiled = compile(spec);
  const begin = () => new TestRun(compiled, { backend: "cpu" });
  const [whole, first] = [begin(), begin()];
  for (const run of [whole, first]) await setUp(run, spec, examples, 1);
  await train(whole, spec, examples, 1, steps);
  let parts = first;
  let done = 0;
  while (done < steps) {
    const until = pick(done + 1, steps);
    await train(parts, spec, examples, done + 1, until);
    const next = begin();
    restore(next, parts);
    parts.close();
    [parts, done] = [next, until];
  }
  const [ours, theirs] = [checkpointOf(parts), checkpointOf(whole)];
  for (const run of [parts, whole]) run.close();
  sameBits(ours, theirs);
}

const bytesOf = (tensors: ReadonlyMap<string, Float32Array>): Map<string, Uint8Array> =>
  new Map(
    [...tensors].map(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      new Uint8Array(buffer, byteOffset, byteLength),
    ]),
  );

/** Throws an assertion that names the first tensor whose bytes differ. */
function sameBits(ours: ReadonlyMap<string, Uint8Array>, theirs: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of theirs)
    assert.ok(Buffer.compare(ours.get(name) ?? new Uint8Array(), bytes) === 0, `${name} differs`);
}

/** Optimiser steps `from` to `to`, each on the examples in another order. */
async function train(run: TestRun, spec: CompileSpec, examples: readonly Example[], from: number, to: number) {
  for (let step = from; step <= to; step++) {
    const order = step % 2 === 0 ? examples : [...examples].reverse();
    await run.step([batchOf(order, spec.rowTokens * spec.microRows, 1 / countOf(examples))]);
    await run.run({ program: "optimise" }, { hyper: [...hyperOf(1e-2, step, spec.training!.optimizer)] });
    await run.compiled.afterStep?.(hostOf(run), step, steps);
    await run.run({ program: "derive" });
  }
}

const hostOf = (run: TestRun): StepHost => ({
  names: (role) => run.names(role),
  values: (role, name) => run.floats(role, name),
  async observe() {
    await run.run({ program: "observe" });
  },
});

/** The method's pass over the data before the first step: each example is a batch. */
async function setUp(run: TestRun, spec: CompileSpec, examples: readonly Example[], threads: number): Promise<void> {
  const { setup } = run.compiled;
  if (!setup) return;
  const tokens = spec.rowTokens * spec.microRows;
  await run.run({ program: "derive" });
  await setup({
    ...hostOf(run),
    batches: 1,
    blocks: spec.model.layers,
    trainedTokens: () => countOf(examples),
    inputs: (_, block) => inputsOf(run, block, examples, tokens),
    examples: examples.length,
    async differentiate(example) {
      await run.step([batchOf([examples[example]!], tokens, 1)]);
    },
    principal: (values, rows, columns, rank) => addon().decompose(values, rows, columns, rank, "principal", threads),
  });
}

/** The inputs of a block's layers at the trained tokens. */
async function inputsOf(run: TestRun, block: number, examples: readonly Example[], tokens: number) {
  const key = { program: "inputs", block } as const;
  const batch = batchOf(examples, tokens, 1);
  const made = await run.run(key, batch);
  const targets = Array.from(batch.trainedRow!).filter((row) => row >= 0);
  return [...run.compiled.program(key).io.values()]
    .filter(({ direction }) => direction === "out")
    .map(({ name, shape }): LayerInputs => {
      const width = shape.at(-1) ?? 0;
      // A trained token is the target of the row before its own.
      const rows = targets.map((row) => made[name]!.subarray((row + 1) * width, (row + 2) * width));
      return {
        sites: name.split(" "),
        values: Float32Array.from(rows.flatMap((row) => [...row])),
        rows: rows.length,
        width,
      };
    });
}

const kept = rolesWith(({ checkpointed }) => checkpointed);

/** A copy of a checkpoint's content. */
const checkpointOf = (run: TestRun): Map<string, Uint8Array> =>
  new Map(kept.flatMap((role) => run.names(role).map((name) => [`${role} ${name}`, run.bytes(role, name).slice()])));

/** Another process after its start: what a checkpoint holds, and NaN in all that a program computes. */
function restore(into: TestRun, from: TestRun): void {
  for (const role of rolesWith(({ start }) => start === "computed"))
    for (const name of into.names(role)) into.bytes(role, name).fill(0xff);
  for (const role of kept) for (const name of into.names(role)) into.bytes(role, name).set(from.bytes(role, name));
}

async function mergingChangesNothing({ spec, examples }: RandomTraining): Promise<void> {
  const { method: settings } = spec;
  if (settings.kind === "none") return;
  const { mergeRefusal, result } = declarationOf(settings.kind);
  if (result === "Model" || mergeRefusal !== undefined) return;
  const method = methodOf(settings);
  // A model alone has no training whose loss is smoothed.
  const training = spec.training && { training: { ...spec.training, labelSmoothing: 0 } };
  const adapted = new TestRun(compile({ ...spec, ...training, ...exact }), onReference);
  const trained = new Map(adapted.names("parameter").map((name) => [name, adapted.floats("parameter", name)]));
  const storage = { dense: "F32", linear: "F32", doubleQuantization: false } as const;
  const { training: _, ...plain } = { ...spec, ...exact, storage, method: { kind: "none" } as const };
  const quantized = new Set(
    linearLayers(spec.model).flatMap(({ name }) => (isNf4(spec.storage, name) ? [`${name}.weight`] : [])),
  );
  const merged = new TestRun(compile(plain), {
    ...onReference,
    change(tensor, values) {
      if (quantized.has(tensor.name)) values.set(restored(values, spec.storage.doubleQuantization));
      // The values of a tensor that is itself trained replace the base's.
      values.set(mergeTensor(tensor, values, method, trained));
    },
  });
  const count = countOf(examples);
  const [ours, theirs] = [await losses(merged, spec, examples), await losses(adapted, spec, examples)];
  for (const run of [adapted, merged]) run.close();
  assert.ok(relativeError(ours.subarray(0, count), theirs.subarray(0, count)) < 1e-5, "the losses differ");
}

/** The values that stand for these in NF4. */
const restored = (values: Float32Array, nested: boolean): Float32Array =>
  dequantizeNf4(addon().quantizeNf4(new Uint8Array(values.slice().buffer), "F32", nested), values.length);

/** Loss and gradients of a step over `count` trained tokens. */
async function oneStep(
  spec: CompileSpec,
  batches: readonly (readonly Example[])[],
  count: number,
  options: RunOptions,
): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  const run = new TestRun(compile(spec), options);
  const loss = await run.step(batches.map((batch) => batchOf(batch, spec.rowTokens * spec.microRows, 1 / count)));
  const gradients = run.gradients();
  run.close();
  return { loss, gradients };
}

/** The loss of each trained token, in order. */
async function losses(run: TestRun, spec: CompileSpec, examples: readonly Example[]): Promise<Float64Array> {
  const batch = batchOf(examples, spec.rowTokens, 1);
  await run.run({ program: "derive" });
  const made = await run.run({ program: "evaluate", trainedRows: run.compiled.trainedRowBuckets.at(-1) ?? 0 }, batch);
  return made.nll!;
}

const countOf = (examples: readonly Example[]): number =>
  examples.reduce((count, { tokens }) => count + tokens.length - 1, 0);
