/**
 * Builds the inputs of `micro` and `evaluate`: packed rows in sequence, each token with its position in its example,
 * each trained token as the target of the row before it. graph/compiled.ts defines names and meanings. Pure.
 */
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import type { AngleTable, RopeTable } from "../models/rope.ts";

export interface BatchShape {
  rowTokens: number;
  microRows: number;
  /** The program's sizes in ascending order; the last holds every row. */
  trainedRowBuckets: readonly number[];
}

/** Inputs by name; the program may use only some of them. */
export type Inputs = Readonly<Record<string, Int32Array | Uint32Array | Float32Array>>;

/** Tokens that attend only to each other. */
export interface Segment {
  readonly tokens: Uint32Array;
  /** 1 where the token is a target. */
  readonly trained: Uint8Array;
  /** The example's index in the data set, and its number in random keys. */
  readonly example: number;
  readonly id: number;
}

export interface Batch {
  inputs: Inputs;
  /** The size chosen: R of the program. */
  trainedRows: number;
  /** Trained tokens, in order of their rows in `nll`. */
  trained: readonly TrainedToken[];
  /** In the row of an example's first token the number of its trained tokens, else 0. */
  targets: Float32Array;
  /** Tokens without padding. */
  tokens: number;
}

/** The origin of a target: the index of its example in the data set, and of the token in the example. */
export interface TrainedToken {
  example: number;
  position: number;
}

/** Packs `rows` (at most microRows) of a data set; every trained token weighs `weight`. */
export function makeBatch(
  dataset: PackedDataset,
  rows: readonly number[],
  weight: number,
  shape: BatchShape,
  rope: RopeTable,
): Batch {
  const batch = layOutRows(
    rows.map((row) => segmentsOf(dataset, row)),
    shape,
    rope,
  );
  const lossWeight = new Float32Array(batch.trainedRows).fill(weight, 0, batch.trained.length);
  const exampleWeight = batch.targets.map((targets) => targets * weight);
  return { ...batch, inputs: { ...batch.inputs, lossWeight, exampleWeight } };
}

/** The examples of a row of a data set. */
export function segmentsOf(dataset: PackedDataset, row: number): Segment[] {
  const [first, end] = [dataset.rowStart[row]!, dataset.rowStart[row + 1]!];
  return Array.from({ length: end - first }, (_, index) => segmentOf(dataset, first + index));
}

export function segmentOf({ exampleStart, exampleId, tokens, trained }: PackedDataset, example: number): Segment {
  const [start, end] = [exampleStart[example]!, exampleStart[example + 1]!];
  return {
    tokens: tokens.subarray(start, end),
    trained: trained.subarray(start, end),
    example,
    id: exampleId[example]!,
  };
}

/** A batch without the weights of its targets. */
export function layOutRows(rows: readonly (readonly Segment[])[], shape: BatchShape, rope: RopeTable): Batch {
  const layout = new Layout(shape.rowTokens * shape.microRows, rope);
  for (const [index, segments] of rows.entries()) layout.addRow(segments, index * shape.rowTokens);
  const trainedRows = shape.trainedRowBuckets.find((bucket) => bucket >= layout.trained.length);
  if (trainedRows === undefined) throw new Error(`no program holds ${layout.trained.length} trained rows`);
  const trainedRow = new Int32Array(trainedRows).fill(-1);
  trainedRow.set(layout.trainedRow);
  const target = new Int32Array(trainedRows);
  target.set(layout.target);
  return {
    inputs: { ...layout.inputs, ...layout.more, trainedRow, target },
    trainedRows,
    trained: layout.trained,
    targets: layout.targets,
    tokens: layout.tokens,
  };
}

class Layout {
  readonly inputs;
  readonly trained: TrainedToken[] = [];
  readonly trainedRow: number[] = [];
  readonly target: number[] = [];
  readonly targets: Float32Array;
  tokens = 0;
  /** Further inputs, of families that need them. */
  readonly more: Record<string, Int32Array | Float32Array> = {};
  readonly #rope: RopeTable;

  constructor(tokens: number, rope: RopeTable) {
    this.#rope = rope;
    this.targets = new Float32Array(tokens);
    const ownRow = () => Int32Array.from({ length: tokens }, (_, row) => row);
    if (rope.window !== undefined) this.more.windowStart = ownRow();
    for (const name of rope.others.keys()) this.more[name] = new Float32Array(tokens * rope.width);
    this.inputs = {
      ids: new Int32Array(tokens),
      cos: new Float32Array(tokens * rope.width),
      sin: new Float32Array(tokens * rope.width),
      // Padding attends only to itself.
      segmentStart: ownRow(),
      rowKey: new Uint32Array(2 * tokens),
      length: new Int32Array(tokens),
    };
  }

  /** Writes a packed row into the buffer from row `at` on. */
  addRow(segments: readonly Segment[], at: number): void {
    let next = at;
    for (const segment of segments) next = this.#addSegment(segment, next);
    this.tokens += next - at;
  }

  #addSegment({ tokens, trained, example, id }: Segment, at: number): number {
    const { length } = tokens;
    const { long } = this.#rope;
    const angles = long !== undefined && length > long.beyond ? long : this.#rope;
    this.inputs.length.fill(length, at, at + length);
    for (let position = 0; position < length; position++) {
      const token = tokens[position]!;
      this.#addToken(token, at + position, at, position, id);
      this.#addAngles(at + position, position, angles);
      if (position === 0 || trained[position] === 0) continue;
      this.trained.push({ example, position });
      this.trainedRow.push(at + position - 1);
      this.target.push(token);
      this.targets[at]! += 1;
    }
    return at + length;
  }

  #addToken(token: number, row: number, segmentStart: number, position: number, example: number): void {
    const { inputs } = this;
    inputs.ids[row] = token;
    inputs.segmentStart[row] = segmentStart;
    inputs.rowKey[2 * row] = example;
    inputs.rowKey[2 * row + 1] = position;
    const { window } = this.#rope;
    if (window !== undefined) this.more.windowStart![row] = Math.max(segmentStart, row - window + 1);
  }

  #addAngles(row: number, position: number, { cos, sin }: AngleTable): void {
    const { width } = this.#rope;
    const copy = (into: Float32Array | Int32Array, from: Float32Array) =>
      into.set(from.subarray(position * width, (position + 1) * width), row * width);
    copy(this.inputs.cos, cos);
    copy(this.inputs.sin, sin);
    for (const [name, table] of this.#rope.others) copy(this.more[name]!, table);
  }
}

/** Consecutive parts of at most `size` items: how micro-batches partition the rows of a step. */
export function partition<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  );
}
