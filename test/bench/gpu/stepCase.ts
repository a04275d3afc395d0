/**
 * A training step as a case of `luthier-exec`: begin, forward and backward pass of one micro-batch, and the optimiser, on random
 * weights whose bytes repeat. Pure.
 */
import { compile } from "../../../trainer/compile/compile.ts";
import { type Inputs, makeBatch } from "../../../trainer/engine/batch.ts";
import { toBfloat16 } from "../../../trainer/formats/bfloat16.ts";
import type { Compiled, CompileSpec, IoTensor, ProgramKey, StateTensor } from "../../../trainer/graph/compiled.ts";
import type { StateRole } from "../../../trainer/graph/roles.ts";
import { bytesOf, type DataType, elementsOf, type TensorFacts } from "../../../trainer/graph/tensor.ts";
import { ropeTable } from "../../../trainer/models/rope.ts";
import {
  type CaseCheck,
  type CaseFill,
  type CaseProgram,
  type Content,
  encodeCase,
} from "../../../trainer/testing/caseFile.ts";
import { normal, uniform } from "../../../trainer/testing/opCases.ts";
import { hyperOf } from "../../../trainer/training/schedule.ts";
import { randomDataset } from "../shape.ts";

export interface StepCase {
  readonly bytes: Uint8Array;
  /** The tokens of one step, and the operations of its matrix products and attention. */
  readonly tokens: number;
  readonly flops: number;
}

export interface StepOptions {
  readonly runs: number;
  /** The standard deviation of all weights. */
  readonly deviation: number;
  /** How much the loss and the gradient's norm may differ from another backend's. */
  readonly relative: number;
  /** Compare every gradient, too. */
  readonly gradients: boolean;
}

export function stepCase(spec: CompileSpec, options: StepOptions): StepCase {
  const { training } = spec;
  if (!training) throw new Error("the spec has no training");
  const compiled = compile(spec);
  const { arenaBytes, stateBytes, ioBytes, scratch } = compiled;
  const batch = batchOf(compiled);
  const hyper = hyperOf(1e-4, 1, training.optimizer);
  const inputs = { ...batch.inputs, rngKey: Uint32Array.of(1, 1), hyper };
  const micro: ProgramKey = { program: "micro", trainedRows: batch.trainedRows };
  const keys: ProgramKey[] = [{ program: "derive" }, { program: "begin" }, micro];
  if (compiled.pullsBack) keys.push({ program: "pullback" });
  keys.push({ program: "optimise" });
  const contentOf = contentsOf(options.deviation);
  const bytes = encodeCase({
    ...{ arenaBytes, stateBytes, ioBytes, scratch, runs: options.runs },
    weights: compiled.weights.map(contentOf),
    fills: ofRole(compiled, "parameter").map((tensor) => ({
      ...{ region: "state", offset: tensor.offset },
      content: contentOf(tensor),
    })),
    programs: keys.map((key) => programOf(compiled, key, inputs)),
    checks: checksOf(compiled, options),
  });
  return { bytes, tokens: batch.tokens, flops: compiled.program(micro).flops };
}

function batchOf({ spec, trainedRowBuckets }: Compiled) {
  const { model, rowTokens, microRows } = spec;
  const rows = Array.from({ length: microRows }, (_, row) => row);
  const weight = 1 / (microRows * (rowTokens - 1));
  const shape = { rowTokens, microRows, trainedRowBuckets };
  return makeBatch(randomDataset(spec), rows, weight, shape, ropeTable(model, rowTokens));
}

function programOf(compiled: Compiled, key: ProgramKey, inputs: Inputs): CaseProgram {
  const { bytes, io } = compiled.program(key);
  return {
    bytes,
    fills: [...io.values()].flatMap((tensor) => ioFill(key, tensor, tensor.values ?? inputs[tensor.name])),
  };
}

function ioFill({ program }: ProgramKey, tensor: IoTensor, values: Inputs[string] | undefined): CaseFill[] {
  if (values) {
    const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return [{ region: "io", offset: tensor.offset, content }];
  }
  if (tensor.direction === "in") throw new Error(`the program ${program} needs the input ${tensor.name}`);
  return [];
}

const ofRole = ({ state }: Compiled, role: StateRole): StateTensor[] => state.filter((tensor) => tensor.role === role);

/** More numbers than a row of a matrix has, and none of its multiples, so that rows differ. */
const count = 2 ** 17 + 7;

/** Normal numbers that repeat; bytes of quantised weights are uniform. */
function contentsOf(deviation: number) {
  const numbers = Float32Array.from(normal([count], 3, deviation));
  const next = uniform(5);
  const patterns: Partial<Record<DataType, Uint8Array>> = {
    F32: new Uint8Array(numbers.buffer),
    BF16: new Uint8Array(toBfloat16(numbers).buffer),
    U8: Uint8Array.from({ length: count }, () => 256 * next()),
  };
  return (tensor: TensorFacts & { readonly name: string }): Content => {
    const pattern = patterns[tensor.dtype];
    if (!pattern) throw new Error(`${tensor.name} is ${tensor.dtype}: there is no pattern of this type`);
    return { pattern, bytes: bytesOf(tensor) };
  };
}

function checksOf(compiled: Compiled, { relative, gradients }: StepOptions): CaseCheck[] {
  const scalars = ofRole(compiled, "scalar").filter(({ name }) => name === "loss" || name === "gradientNorm");
  return [...scalars, ...(gradients ? ofRole(compiled, "gradient") : [])].map((tensor) => ({
    ...{ name: tensor.name, region: "state", dtype: tensor.dtype, offset: tensor.offset },
    ...{ count: elementsOf(tensor.shape), relative, absolute: 0 },
  }));
}
