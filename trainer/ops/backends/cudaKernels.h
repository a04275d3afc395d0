// Generated from trainer/ops/index.ts by `node tools/node24.mjs trainer/ops/generate.ts`. Do not edit.
#pragma once

#include "../adamw/cuda.h"
#include "../adamw8/cuda.h"
#include "../add/cuda.h"
#include "../argmax/cuda.h"
#include "../attention/cuda.h"
#include "../attentionBackward/cuda.h"
#include "../attentionCached/cuda.h"
#include "../cacheAppend/cuda.h"
#include "../cachePrefix/cuda.h"
#include "../cast/cuda.h"
#include "../clip/cuda.h"
#include "../columnProducts/cuda.h"
#include "../columnProductsBackward/cuda.h"
#include "../dropout/cuda.h"
#include "../embed/cuda.h"
#include "../embedBackward/cuda.h"
#include "../fill/cuda.h"
#include "../gatherRows/cuda.h"
#include "../glu/cuda.h"
#include "../gluBackward/cuda.h"
#include "../gradBias/cuda.h"
#include "../gradWeight/cuda.h"
#include "../importance/cuda.h"
#include "../inverseRowNorm/cuda.h"
#include "../kronecker/cuda.h"
#include "../kroneckerBackward/cuda.h"
#include "../ktoLoss/cuda.h"
#include "../linear/cuda.h"
#include "../linearCrossEntropy/cuda.h"
#include "../linearInput/cuda.h"
#include "../multiply/cuda.h"
#include "../noise/cuda.h"
#include "../orthogonality/cuda.h"
#include "../orthogonalityBackward/cuda.h"
#include "../pairLoss/cuda.h"
#include "../prefixAttention/cuda.h"
#include "../prefixAttentionBackward/cuda.h"
#include "../relu/cuda.h"
#include "../reluBackward/cuda.h"
#include "../replaceRows/cuda.h"
#include "../rmsNorm/cuda.h"
#include "../rmsNormBackward/cuda.h"
#include "../rope/cuda.h"
#include "../scaleColumns/cuda.h"
#include "../scaleColumnsBackward/cuda.h"
#include "../scatterRows/cuda.h"
#include "../segmentSum/cuda.h"
#include "../segmentSumBackward/cuda.h"
#include "../sinkGradient/cuda.h"
#include "../sliceColumns/cuda.h"
#include "../sliceColumnsBackward/cuda.h"
#include "../softcap/cuda.h"
#include "../sumSquares/cuda.h"
#include "../weightedSum/cuda.h"

// X(name, Struct) for every op with CUDA kernels.
#define LUTHIER_CUDA_OPS(X) \
  X(embed, Embed) \
  X(embedBackward, EmbedBackward) \
  X(rmsNorm, RmsNorm) \
  X(rmsNormBackward, RmsNormBackward) \
  X(linear, Linear) \
  X(linearInput, LinearInput) \
  X(gradWeight, GradWeight) \
  X(rope, Rope) \
  X(attention, Attention) \
  X(attentionBackward, AttentionBackward) \
  X(glu, Glu) \
  X(gluBackward, GluBackward) \
  X(gatherRows, GatherRows) \
  X(scatterRows, ScatterRows) \
  X(linearCrossEntropy, LinearCrossEntropy) \
  X(dropout, Dropout) \
  X(cast, Cast) \
  X(add, Add) \
  X(fill, Fill) \
  X(sumSquares, SumSquares) \
  X(clip, Clip) \
  X(adamw, Adamw) \
  X(cacheAppend, CacheAppend) \
  X(attentionCached, AttentionCached) \
  X(argmax, Argmax) \
  X(multiply, Multiply) \
  X(scaleColumns, ScaleColumns) \
  X(scaleColumnsBackward, ScaleColumnsBackward) \
  X(inverseRowNorm, InverseRowNorm) \
  X(prefixAttention, PrefixAttention) \
  X(prefixAttentionBackward, PrefixAttentionBackward) \
  X(cachePrefix, CachePrefix) \
  X(orthogonality, Orthogonality) \
  X(orthogonalityBackward, OrthogonalityBackward) \
  X(importance, Importance) \
  X(gradBias, GradBias) \
  X(columnProducts, ColumnProducts) \
  X(columnProductsBackward, ColumnProductsBackward) \
  X(kronecker, Kronecker) \
  X(kroneckerBackward, KroneckerBackward) \
  X(relu, Relu) \
  X(reluBackward, ReluBackward) \
  X(softcap, Softcap) \
  X(sliceColumns, SliceColumns) \
  X(sliceColumnsBackward, SliceColumnsBackward) \
  X(adamw8, Adamw8) \
  X(noise, Noise) \
  X(replaceRows, ReplaceRows) \
  X(segmentSum, SegmentSum) \
  X(segmentSumBackward, SegmentSumBackward) \
  X(weightedSum, WeightedSum) \
  X(pairLoss, PairLoss) \
  X(ktoLoss, KtoLoss) \
  X(sinkGradient, SinkGradient)
