// attentionBackward on a GPU: δ = dO·o of each row and head, then dq a block a row and head, then dk and dv a block a key and
// key–value head, which takes the heads of its group and the rows in order.
#pragma once

#include "../../native/cuda/device.h"
#include "../attention/cuda.cuh"

namespace luthier::cuda {

// δ of each row and head, in scratch [T, heads].
LUTHIER_KERNEL(attentionDelta, 256) {
  const auto op = operandsOf<AttentionBackward>(arguments);
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= op.q.rows() * op.heads) return;
  withType(op.q.dtype, [&]<class T>(T) {
    const int64_t t = i / op.heads, first = i % op.heads * op.headDim;
    reinterpret_cast<float*>(arguments.scratch)[i] = dot(op.dO.row<T>(t) + first, op.o.row<T>(t) + first, op.headDim);
  });
}

// p and dS of one row and key.
struct ScoreGradient {
  float p, dS;
};

template <class T, class Op>
__device__ __forceinline__ ScoreGradient scoreGradient(const Op& op, const T* q, const T* k, const T* dO, const T* v, float lse, float delta) {
  const float score = op.scale * dot(q, k, op.headDim);
  const float p = expf(capped(op, score) - lse);
  return {p, op.scale * cappedSlope(op, score) * p * (dot(dO, v, op.headDim) - delta)};
}

LUTHIER_KERNEL(attentionQueries, attentionThreads) {
  const auto op = operandsOf<AttentionBackward>(arguments);
  __shared__ float gradients[attentionThreads];
  const int64_t t = blockIdx.x, head = blockIdx.y, D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  const int64_t start = op.segmentStart.row<int32_t>(0)[t];
  const float lse = op.lse.row<float>(t)[head], delta = reinterpret_cast<const float*>(arguments.scratch)[t * op.heads + head];
  withType(op.q.dtype, [&]<class T>(T) {
    const T *q = op.q.row<T>(t) + head * D, *dO = op.dO.row<T>(t) + head * D;
    float sums[columnsPerThread] = {};
    for (int64_t first = start; first <= t; first += attentionThreads) {
      const int64_t s = first + threadIdx.x, count = min(t + 1 - first, static_cast<int64_t>(attentionThreads));
      gradients[threadIdx.x] = s <= t ? scoreGradient(op, q, op.k.row<T>(s) + kvHead * D, dO, op.v.row<T>(s) + kvHead * D, lse, delta).dS : 0.0f;
      __syncthreads();
      for (int32_t part = 0; part < columnsPerThread; ++part) {
        const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
        if (column >= D) break;
        for (int64_t k = 0; k < count; ++k) sums[part] = fmaf(gradients[k], load(op.k.row<T>(first + k) + kvHead * D + column), sums[part]);
      }
      __syncthreads();
    }
    for (int32_t part = 0; part < columnsPerThread; ++part) {
      const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
      if (column < D) store(op.dq.row<T>(t) + head * D + column, sums[part]);
    }
  });
}

LUTHIER_KERNEL(attentionKeys, attentionThreads) {
  const auto op = operandsOf<AttentionBackward>(arguments);
  __shared__ ScoreGradient gradients[attentionThreads];
  const int64_t s = blockIdx.x, kvHead = blockIdx.y, D = op.headDim, T_ = op.q.rows(), group = op.heads / op.kvHeads;
  const auto* deltas = reinterpret_cast<const float*>(arguments.scratch);
  withType(op.q.dtype, [&]<class T>(T) {
    const T *k = op.k.row<T>(s) + kvHead * D, *v = op.v.row<T>(s) + kvHead * D;
    float dk[columnsPerThread] = {}, dv[columnsPerThread] = {};
    for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head) {
      for (int64_t first = s; first < T_; first += attentionThreads) {
        const int64_t t = first + threadIdx.x, count = min(T_ - first, static_cast<int64_t>(attentionThreads));
        const bool attends = t < T_ && op.segmentStart.row<int32_t>(0)[t] <= s;
        gradients[threadIdx.x] = attends ? scoreGradient(op, op.q.row<T>(t) + head * D, k, op.dO.row<T>(t) + head * D, v, op.lse.row<float>(t)[head], deltas[t * op.heads + head])
                                         : ScoreGradient{0.0f, 0.0f};
        __syncthreads();
        for (int32_t part = 0; part < columnsPerThread; ++part) {
          const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
          if (column >= D) break;
          for (int64_t r = 0; r < count; ++r) {
            if (op.segmentStart.row<int32_t>(0)[first + r] > s) continue;
            dv[part] = fmaf(gradients[r].p, load(op.dO.row<T>(first + r) + head * D + column), dv[part]);
            dk[part] = fmaf(gradients[r].dS, load(op.q.row<T>(first + r) + head * D + column), dk[part]);
          }
        }
        __syncthreads();
      }
    }
    for (int32_t part = 0; part < columnsPerThread; ++part) {
      const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
      if (column >= D) break;
      store(op.dk.row<T>(s) + kvHead * D + column, dk[part]);
      store(op.dv.row<T>(s) + kvHead * D + column, dv[part]);
    }
  });
}

}  // namespace luthier::cuda
