// Rows of attention on the device, for the ops that attend to a segment, to a prefix before it, or to a cache.
#pragma once

#include "device.h"
#include "launch.h"

namespace luthier::cuda {

// A scaled score as the softmax sees it, and the slope there.
template <class Op>
__device__ __forceinline__ float capped(const Op& op, float score) {
  return op.softcap > 0.0f ? op.softcap * tanhf(score / op.softcap) : score;
}

template <class Op>
__device__ __forceinline__ float cappedSlope(const Op& op, float score) {
  if (!(op.softcap > 0.0f)) return 1.0f;
  const float tangent = tanhf(score / op.softcap);
  return 1.0f - tangent * tangent;
}

// Σᵢ a[i]·b[i]
template <class A, class B>
__device__ __forceinline__ float dot(const A* a, const B* b, int64_t count) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) sum = fmaf(load(a + i), load(b + i), sum);
  return sum;
}

inline constexpr int32_t columnsPerThread = 4;    // heads are up to 512 wide

struct SoftmaxResult {
  float highest, total;
};

// One query row of a head against keys [0, keys) and the head's sink, if there are sinks, by a block: online softmax in steps of a key a thread. Thread i sums columns i, i + 128, …
// of the values. `key(s)` and `value(s)` are rows of D elements; finish(column, sum) receives Σ p·v before the division.
template <class T, class Op, class Key, class Value, class Finish>
__device__ __forceinline__ SoftmaxResult attendRow(const Op& op, int64_t head, const T* q, int64_t keys, Key key, Value value, Finish finish) {
  __shared__ float weights[attentionThreads], partial[attentionThreads / warpLanes];
  const int64_t D = op.headDim;
  float sums[columnsPerThread] = {};
  SoftmaxResult softmax = op.sinks ? SoftmaxResult{elementOf(*op.sinks, 0, head), 1.0f} : SoftmaxResult{-INFINITY, 0.0f};
  for (int64_t first = 0; first < keys; first += attentionThreads) {
    const int64_t s = first + threadIdx.x;
    const float score = s < keys ? capped(op, op.scale * dot(q, key(s), D)) : -INFINITY;
    const float highest = fmaxf(softmax.highest, blockMaximum(score, partial));
    const float shrink = expf(softmax.highest - highest);
    const float weight = s < keys ? expf(score - highest) : 0.0f;
    weights[threadIdx.x] = weight;  // blockSum's barriers order it before its readers
    softmax = {highest, softmax.total * shrink + blockSum(weight, partial)};
    const int64_t count = min(keys - first, static_cast<int64_t>(attentionThreads));
    for (int32_t part = 0; part < columnsPerThread; ++part) {
      const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
      if (column >= D) break;
      sums[part] *= shrink;
      for (int64_t k = 0; k < count; ++k) sums[part] = fmaf(weights[k], load(value(first + k) + column), sums[part]);
    }
    __syncthreads();  // the weights have been read
  }
  for (int32_t part = 0; part < columnsPerThread; ++part) {
    const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
    if (column < D) finish(column, sums[part] / softmax.total);
  }
  return softmax;
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

// dq of one row and head by a block, over keys [0, keys).
template <class T, class Op, class Key, class Value>
__device__ __forceinline__ void queryGradient(const Op& op, int64_t t, int64_t head, float delta, int64_t keys, Key key, Value value) {
  __shared__ float gradients[attentionThreads];
  const int64_t D = op.headDim;
  const T *q = op.q.template row<T>(t) + head * D, *dO = op.dO.template row<T>(t) + head * D;
  const float lse = op.lse.template row<float>(t)[head];
  float sums[columnsPerThread] = {};
  for (int64_t first = 0; first < keys; first += attentionThreads) {
    const int64_t s = first + threadIdx.x, count = min(keys - first, static_cast<int64_t>(attentionThreads));
    gradients[threadIdx.x] = s < keys ? scoreGradient<T>(op, q, key(s), dO, value(s), lse, delta).dS : 0.0f;
    __syncthreads();
    for (int32_t part = 0; part < columnsPerThread; ++part) {
      const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
      if (column >= D) break;
      for (int64_t k = 0; k < count; ++k) sums[part] = fmaf(gradients[k], load(key(first + k) + column), sums[part]);
    }
    __syncthreads();
  }
  for (int32_t part = 0; part < columnsPerThread; ++part) {
    const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
    if (column < D) store(op.dq.template row<T>(t) + head * D + column, sums[part]);
  }
}

// dk and dv of one key and key–value head by a block: the heads of its group, and of each the rows from `firstRow` on that attend
// to the key, in order. write(column, dk, dv) receives the sums.
template <class T, class Op, class Attends, class Write>
__device__ __forceinline__ void keyGradient(const Op& op, int64_t kvHead, const T* k, const T* v, int64_t firstRow, const float* deltas, Attends attends, Write write) {
  __shared__ ScoreGradient gradients[attentionThreads];
  const int64_t D = op.headDim, rows = op.q.rows(), group = op.heads / op.kvHeads;
  float dk[columnsPerThread] = {}, dv[columnsPerThread] = {};
  for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head) {
    for (int64_t first = firstRow; first < rows; first += attentionThreads) {
      const int64_t t = first + threadIdx.x, count = min(rows - first, static_cast<int64_t>(attentionThreads));
      const bool counts = t < rows && attends(t);
      gradients[threadIdx.x] = counts ? scoreGradient<T>(op, op.q.template row<T>(t) + head * D, k, op.dO.template row<T>(t) + head * D, v,
                                                         op.lse.template row<float>(t)[head], deltas[t * op.heads + head])
                                      : ScoreGradient{0.0f, 0.0f};
      __syncthreads();
      for (int32_t part = 0; part < columnsPerThread; ++part) {
        const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
        if (column >= D) break;
        for (int64_t r = 0; r < count; ++r) {
          if (!attends(first + r)) continue;
          dv[part] = fmaf(gradients[r].p, load(op.dO.template row<T>(first + r) + head * D + column), dv[part]);
          dk[part] = fmaf(gradients[r].dS, load(op.q.template row<T>(first + r) + head * D + column), dk[part]);
        }
      }
      __syncthreads();
    }
  }
  for (int32_t part = 0; part < columnsPerThread; ++part) {
    const int64_t column = threadIdx.x + static_cast<int64_t>(part) * attentionThreads;
    if (column < D) write(column, dk[part], dv[part]);
  }
}

// δ = dO·o of each row and head, in scratch [T, heads].
template <class Op>
__device__ __forceinline__ void rowDeltas(const Op& op, float* deltas) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= op.q.rows() * op.heads) return;
  withType(op.q.dtype, [&]<class T>(T) {
    const int64_t t = i / op.heads, first = i % op.heads * op.headDim;
    deltas[i] = dot(op.dO.template row<T>(t) + first, op.o.template row<T>(t) + first, op.headDim);
  });
}

}  // namespace luthier::cuda
