// attention on a GPU: a block a row and head, keys in steps of 128 with an online softmax.
#pragma once

#include "../../native/cuda/device.h"

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

inline constexpr int32_t attentionThreads = 128;  // and keys a step
inline constexpr int32_t columnsPerThread = 4;    // heads are up to 512 wide

struct SoftmaxResult {
  float highest, total;
};

// The largest value over a block, for all its threads.
__device__ __forceinline__ float blockMaximum(float value, float* partial) {
#pragma unroll
  for (uint32_t step = warpLanes / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  __syncthreads();
  if (threadIdx.x % warpLanes == 0) partial[threadIdx.x / warpLanes] = value;
  __syncthreads();
  for (uint32_t w = 0; w < blockDim.x / warpLanes; ++w) value = fmaxf(value, partial[w]);
  return value;
}

// One query row against keys [0, keys) by a block: online softmax in steps of a key a thread. Thread i sums columns i, i + 128, …
// of the values. `key(s)` and `value(s)` are rows of D elements; finish(column, sum) receives Σ p·v before the division.
template <class T, class Op, class Key, class Value, class Finish>
__device__ __forceinline__ SoftmaxResult attendRow(const Op& op, const T* q, int64_t keys, Key key, Value value, Finish finish) {
  __shared__ float weights[attentionThreads], partial[attentionThreads / warpLanes];
  const int64_t D = op.headDim;
  float sums[columnsPerThread] = {};
  SoftmaxResult softmax{-INFINITY, 0.0f};
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

LUTHIER_KERNEL(attention, attentionThreads) {
  const auto op = operandsOf<Attention>(arguments);
  const int64_t t = blockIdx.x, head = blockIdx.y, D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  const int64_t start = op.segmentStart.row<int32_t>(0)[t];
  withType(op.q.dtype, [&]<class T>(T) {
    const auto key = [&](int64_t s) { return op.k.row<T>(start + s) + kvHead * D; };
    const auto value = [&](int64_t s) { return op.v.row<T>(start + s) + kvHead * D; };
    T* o = op.o.row<T>(t) + head * D;
    const SoftmaxResult softmax = attendRow(op, op.q.row<T>(t) + head * D, t - start + 1, key, value, [&](int64_t column, float sum) { store(o + column, sum); });
    if (threadIdx.x == 0) op.lse.row<float>(t)[head] = softmax.highest + logf(softmax.total);
  });
}

}  // namespace luthier::cuda
