/**
 * Every op, in the order of docs/engine.md. An opcode is an op's position in this list, from 1, so new ops go to the
 * end.
 */
import type { AnyOp } from "../graph/op.ts";
import { adamw } from "./adamw/op.ts";
import { adamw8 } from "./adamw8/op.ts";
import { add } from "./add/op.ts";
import { argmax } from "./argmax/op.ts";
import { attention } from "./attention/op.ts";
import { attentionBackward } from "./attentionBackward/op.ts";
import { attentionCached } from "./attentionCached/op.ts";
import { balanceLoss } from "./balanceLoss/op.ts";
import { cacheAppend } from "./cacheAppend/op.ts";
import { cachePrefix } from "./cachePrefix/op.ts";
import { cast } from "./cast/op.ts";
import { clampedGlu } from "./clampedGlu/op.ts";
import { clampedGluBackward } from "./clampedGluBackward/op.ts";
import { clip } from "./clip/op.ts";
import { columnProducts } from "./columnProducts/op.ts";
import { columnProductsBackward } from "./columnProductsBackward/op.ts";
import { dropout } from "./dropout/op.ts";
import { embed } from "./embed/op.ts";
import { embedBackward } from "./embedBackward/op.ts";
import { expertGradBias } from "./expertGradBias/op.ts";
import { expertGradWeight } from "./expertGradWeight/op.ts";
import { expertInput } from "./expertInput/op.ts";
import { expertLinear } from "./expertLinear/op.ts";
import { fastfood } from "./fastfood/op.ts";
import { fastfoodBackward } from "./fastfoodBackward/op.ts";
import { fill } from "./fill/op.ts";
import { gatherExperts } from "./gatherExperts/op.ts";
import { gatherRows } from "./gatherRows/op.ts";
import { glu } from "./glu/op.ts";
import { gluBackward } from "./gluBackward/op.ts";
import { gradBias } from "./gradBias/op.ts";
import { gradWeight } from "./gradWeight/op.ts";
import { hardConcrete } from "./hardConcrete/op.ts";
import { hardConcreteBackward } from "./hardConcreteBackward/op.ts";
import { importance } from "./importance/op.ts";
import { inverseRowNorm } from "./inverseRowNorm/op.ts";
import { kronecker } from "./kronecker/op.ts";
import { kroneckerBackward } from "./kroneckerBackward/op.ts";
import { ktoLoss } from "./ktoLoss/op.ts";
import { linear } from "./linear/op.ts";
import { linearCrossEntropy } from "./linearCrossEntropy/op.ts";
import { linearInput } from "./linearInput/op.ts";
import { lstm } from "./lstm/op.ts";
import { lstmBackward } from "./lstmBackward/op.ts";
import { mixExperts } from "./mixExperts/op.ts";
import { mixExpertsBackward } from "./mixExpertsBackward/op.ts";
import { multiply } from "./multiply/op.ts";
import { noise } from "./noise/op.ts";
import { openGates } from "./openGates/op.ts";
import { openGatesBackward } from "./openGatesBackward/op.ts";
import { orthogonality } from "./orthogonality/op.ts";
import { orthogonalityBackward } from "./orthogonalityBackward/op.ts";
import { pairLoss } from "./pairLoss/op.ts";
import { prefixAttention } from "./prefixAttention/op.ts";
import { prefixAttentionBackward } from "./prefixAttentionBackward/op.ts";
import { release } from "./release/op.ts";
import { relu } from "./relu/op.ts";
import { reluBackward } from "./reluBackward/op.ts";
import { replaceRows } from "./replaceRows/op.ts";
import { rmsNorm } from "./rmsNorm/op.ts";
import { rmsNormBackward } from "./rmsNormBackward/op.ts";
import { rope } from "./rope/op.ts";
import { route } from "./route/op.ts";
import { routeBackward } from "./routeBackward/op.ts";
import { routerLoad } from "./routerLoad/op.ts";
import { routerLoadBackward } from "./routerLoadBackward/op.ts";
import { scaleColumns } from "./scaleColumns/op.ts";
import { scaleColumnsBackward } from "./scaleColumnsBackward/op.ts";
import { scatterRows } from "./scatterRows/op.ts";
import { segmentSum } from "./segmentSum/op.ts";
import { segmentSumBackward } from "./segmentSumBackward/op.ts";
import { sinkGradient } from "./sinkGradient/op.ts";
import { sliceColumns } from "./sliceColumns/op.ts";
import { sliceColumnsBackward } from "./sliceColumnsBackward/op.ts";
import { softcap } from "./softcap/op.ts";
import { sumSquares } from "./sumSquares/op.ts";
import { weightedSum } from "./weightedSum/op.ts";

/** An op that computes something, or `release`, which takes any tensors. */
export type ListedOp = AnyOp | typeof release;

export const ops: readonly ListedOp[] = [
  embed,
  embedBackward,
  rmsNorm,
  rmsNormBackward,
  linear,
  linearInput,
  gradWeight,
  rope,
  attention,
  attentionBackward,
  glu,
  gluBackward,
  gatherRows,
  scatterRows,
  linearCrossEntropy,
  dropout,
  cast,
  add,
  fill,
  sumSquares,
  clip,
  adamw,
  cacheAppend,
  attentionCached,
  argmax,
  release,
  multiply,
  scaleColumns,
  scaleColumnsBackward,
  inverseRowNorm,
  prefixAttention,
  prefixAttentionBackward,
  cachePrefix,
  orthogonality,
  orthogonalityBackward,
  importance,
  gradBias,
  columnProducts,
  columnProductsBackward,
  kronecker,
  kroneckerBackward,
  relu,
  reluBackward,
  softcap,
  sliceColumns,
  sliceColumnsBackward,
  adamw8,
  noise,
  lstm,
  lstmBackward,
  replaceRows,
  segmentSum,
  segmentSumBackward,
  weightedSum,
  pairLoss,
  ktoLoss,
  route,
  routeBackward,
  gatherExperts,
  mixExperts,
  mixExpertsBackward,
  expertLinear,
  expertInput,
  expertGradWeight,
  sinkGradient,
  expertGradBias,
  clampedGlu,
  clampedGluBackward,
  routerLoad,
  routerLoadBackward,
  balanceLoss,
  hardConcrete,
  hardConcreteBackward,
  openGates,
  openGatesBackward,
  fastfood,
  fastfoodBackward,
];

export const isComputing = (op: ListedOp): op is AnyOp => "operands" in op;

/** All ops but `release`. */
export const computing = (listed: readonly ListedOp[]): AnyOp[] => listed.filter(isComputing);

const opcodes: ReadonlyMap<string, number> = new Map(ops.map((op, index) => [op.name, index + 1]));

export function opcodeOf(op: ListedOp): number {
  const opcode = opcodes.get(op.name);
  if (opcode === undefined) throw new Error(`op ${op.name} is not in the list of ops (trainer/ops/index.ts)`);
  return opcode;
}
