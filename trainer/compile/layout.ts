/**
 * Places the activations of a program in one arena: computes lifetimes, then places greedily by size, best fit. An
 * output takes the place of an input if its op allows it and no later node reads the input. Pure: nodes → offsets.
 */
import { type Node, readsOf, tensorsOf } from "../graph/graph.ts";
import { aligned, bytesOf, type Tensor } from "../graph/tensor.ts";

export interface ArenaLayout {
  /** Byte offset of every activation. */
  readonly offsets: ReadonlyMap<Tensor, number>;
  readonly bytes: number;
  /** For each node, the tensors whose bytes no later node reads. */
  readonly released: readonly (readonly Tensor[])[];
}

/** A byte range with one lifetime, shared by tensors that follow each other in place. */
interface Buffer {
  readonly bytes: number;
  readonly first: number;
  last: number;
  readonly tensors: Tensor[];
}

/** @param elsewhere activations that already have a place in another region. */
export function layOut(nodes: readonly Node[], elsewhere: ReadonlySet<Tensor>): ArenaLayout {
  const buffers = buffersOf(nodes, elsewhere);
  const { offsets, bytes } = place(buffers);
  const released: Tensor[][] = nodes.map(() => []);
  for (const { tensors, last } of buffers) {
    const final = tensors[tensors.length - 1];
    if (final) released[last]?.push(final);
  }
  return { offsets, bytes, released };
}

function buffersOf(nodes: readonly Node[], elsewhere: ReadonlySet<Tensor>): Buffer[] {
  const lastUse = lastUses(nodes);
  const buffers = new Map<Tensor, Buffer>();
  const all: Buffer[] = [];
  nodes.forEach((node, index) => {
    const taken = new Set<Tensor>();
    for (const [name, output] of Object.entries(node.outputs)) {
      if (output?.role !== "activation" || elsewhere.has(output)) continue;
      if (buffers.has(output)) throw new Error(`${output.name} is written twice`);
      const last = lastUse.get(output) ?? index;
      const source = inPlaceSource(node, name, output, index, lastUse, taken);
      const existing = source && buffers.get(source);
      const buffer = existing ?? { bytes: aligned(bytesOf(output)), first: index, last, tensors: [] };
      if (!existing) all.push(buffer);
      buffer.last = last;
      buffer.tensors.push(output);
      buffers.set(output, buffer);
      if (source) taken.add(source);
    }
  });
  return all;
}

function lastUses(nodes: readonly Node[]): Map<Tensor, number> {
  const lastUse = new Map<Tensor, number>();
  nodes.forEach((node, index) => {
    for (const tensor of [...readsOf(node), ...tensorsOf(node.outputs)]) lastUse.set(tensor, index);
  });
  return lastUse;
}

/** The input whose bytes this output may reuse: the op allows it, this is its last read, and the sizes are equal. */
function inPlaceSource(
  node: Node,
  name: string,
  output: Tensor,
  index: number,
  lastUse: ReadonlyMap<Tensor, number>,
  taken: ReadonlySet<Tensor>,
): Tensor | undefined {
  for (const [out, input] of node.op.inPlace) {
    const source = node.operands[input];
    if (out !== name || !source || source.role !== "activation" || taken.has(source)) continue;
    const readOnce = readsOf(node).filter((tensor) => tensor === source).length === 1;
    if (readOnce && lastUse.get(source) === index && bytesOf(source) === bytesOf(output)) return source;
  }
  return undefined;
}

/** Places the largest buffer first, each into the smallest sufficient gap between simultaneously live buffers. */
function place(buffers: readonly Buffer[]): { offsets: Map<Tensor, number>; bytes: number } {
  const order = [...buffers].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  const placed = new PlacedBuffers(buffers.length);
  const offsets = new Map<Tensor, number>();
  let bytes = 0;
  for (const buffer of order) {
    const offset = placed.bestFit(buffer);
    placed.insert(buffer, offset);
    for (const tensor of buffer.tensors) offsets.set(tensor, offset);
    bytes = Math.max(bytes, offset + buffer.bytes);
  }
  return { offsets, bytes };
}

/** Placed buffers sorted by offset; in plain columns, because the search is quadratic in tens of thousands. */
class PlacedBuffers {
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #offset: Float64Array;
  readonly #end: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#first = new Int32Array(capacity);
    this.#last = new Int32Array(capacity);
    this.#offset = new Float64Array(capacity);
    this.#end = new Float64Array(capacity);
  }

  /** The offset of the smallest sufficient gap between buffers alive at the same time, or above all of them. */
  bestFit({ bytes, first, last }: Buffer): number {
    let top = 0;
    let best = -1;
    let leastSlack = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#count; index++) {
      if (this.#first[index]! > last || this.#last[index]! < first) continue;
      const slack = this.#offset[index]! - top - bytes;
      if (slack >= 0 && slack < leastSlack) {
        best = top;
        leastSlack = slack;
      }
      top = Math.max(top, this.#end[index]!);
    }
    return best < 0 ? top : best;
  }

  insert({ bytes, first, last }: Buffer, offset: number): void {
    const at = this.#behind(offset);
    for (const column of [this.#first, this.#last, this.#offset, this.#end]) {
      column.copyWithin(at + 1, at, this.#count);
    }
    this.#first[at] = first;
    this.#last[at] = last;
    this.#offset[at] = offset;
    this.#end[at] = offset + bytes;
    this.#count += 1;
  }

  /** The first index whose offset is larger. */
  #behind(offset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offset[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
