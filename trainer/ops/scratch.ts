/**
 * Scratch of kernels. On a cpu that of matrix products, as `trainer/native/cpu` lays it out: bounds over all instruction sets,
 * those with the widest vectors (16 floats) and panels (64 columns). `luthier-exec` fails a case that takes more.
 */
import type { Scratch } from "../graph/op.ts";
import { aligned, elementsOf, type TensorFacts } from "../graph/tensor.ts";

const panel = 64;
export const lanes = 16;
const rowBlock = 512;
const depthBlock = 512;

export const roundUp = (count: number, step: number): number => Math.ceil(count / step) * step;

/** Bytes of buffers of 32-bit words, each on a cache line. */
export const wordBytes = (...counts: number[]): number => counts.reduce((sum, words) => sum + aligned(4 * words), 0);

/** A sum in double for each row. */
export const rowSums = (rows: number): Scratch => ({ thread: 0, shared: wordBytes(2 * rows) });

/** [rows, depth]·[depth, any] + [rows, rank]·[rank, any]: panels of the right side, rows of the left, partial sums. */
export function productScratch(rows: number, depth: number, rank = 0): Scratch {
  const block = roundUp(Math.ceil(rows / Math.ceil(rows / rowBlock)), 12);
  const deep = Math.min(depth, depthBlock);
  const right = [panel * deep, panel * rank];
  const left = [block * roundUp(deep, lanes), block * roundUp(rank, lanes)];
  return { thread: wordBytes(...right, ...left, block * panel), shared: 0 };
}

/** The same for the rows of each expert, of which one may have all. */
export const expertScratch = (rows: number, depth: number, rank = 0): Scratch =>
  productScratch(Math.min(rows, rowBlock), depth, rank);

/** A block of 192 rows and a panel of the gradient, over 512 tokens at a time. */
export const gradientScratch: Scratch = { thread: wordBytes(512 * 192, 512 * panel), shared: 0 };

/** Blocks of the cuda kernels that go over the elements of a tensor (`elementwise` in native/cuda/launch.h). */
export const elementwiseBlocks = ({ shape }: TensorFacts): number => Math.min(4096, Math.ceil(elementsOf(shape) / 256));

/** For attention in strips of 48 queries: the keys of a head's segment, and its width, in whole panels and vectors. */
export const stripRows = 48;
export const attentionSizes = (tokens: number, keys: number, headDim: number) => ({
  keys: roundUp(Math.min(tokens, keys), panel),
  width: roundUp(headDim, lanes),
});

/** A sum in double for each block of such a kernel. */
export const blockSums = (tensor: TensorFacts): Scratch => ({
  thread: 0,
  shared: wordBytes(2 * elementwiseBlocks(tensor)),
});

/** Fastfood's vector of n numbers, of the power of two from `least` on, and a sum in double for each 4,096 of them. */
export function fastfoodScratch(elements: number, dimension: number): Scratch {
  const [size, period] = fastfoodSizes(elements, dimension);
  return { thread: 0, shared: wordBytes(size, period, 2 * Math.ceil(size / 4096)) };
}

/** The same on a GPU, with a sum for each block. */
export function fastfoodDeviceScratch(elements: number, dimension: number): Scratch {
  const [size, period] = fastfoodSizes(elements, dimension);
  const words = roundUp(size + period, 2) + 2 * elementwiseBlocks({ dtype: "F32", shape: [size] });
  return { thread: 0, shared: 4 * words };
}

function fastfoodSizes(elements: number, dimension: number): readonly [size: number, period: number] {
  const power = (least: number) => 2 ** Math.ceil(Math.log2(least));
  return [power(Math.max(elements, dimension)), power(dimension)];
}
