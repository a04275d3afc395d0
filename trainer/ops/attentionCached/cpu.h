// attentionCached on the CPU: a task is one row and one head; its sums do not depend on other rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../attention/cpu.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline F dotOf(const T* a, const T* b, int64_t count) {
  F sum = zero();
  forLanes(count, [&](int64_t i, auto n) { sum = fma(load(a + i, n), load(b + i, n), sum); });
  return sum;
}

// scores[0..keys) := exp(s − highest), s = scale·q·k, soft-capped where the op says so; returns the sum with the head's sink.
template <class T>
inline float cachedWeights(const AttentionCached& op, const T* q, int64_t base, int64_t keys, int64_t head, float* scores) {
  const int64_t column = head / (op.heads / op.kvHeads) * op.headDim;
  const float scale = op.softcap > 0 ? 1 : op.scale;
  for (int64_t s = 0; s < keys; ++s) scores[s] = scale * sumOf(dotOf(q, op.cacheK.row<T>(base + s) + column, op.headDim));
  if (op.softcap > 0) capScores(scores, keys, op.scale, op.softcap);
  float top = op.sinks ? elementOf(*op.sinks, 0, head) : -__builtin_inff();
  for (int64_t s = 0; s < keys; ++s) top = scores[s] > top ? scores[s] : top;
  F sum = zero();
  forLanes(keys, [&](int64_t s, auto n) {
    const F weight = only(exponential(load(scores + s, n) - all(top)), n);
    store(scores + s, weight, n);
    sum = sum + weight;
  });
  return op.sinks ? sumOf(sum) + exponentialOf(elementOf(*op.sinks, 0, head) - top) : sumOf(sum);
}

template <class T>
inline void attentionCachedRow(const AttentionCached& op, int64_t t, int64_t head, float* scores) {
  const int64_t D = op.headDim, column = head / (op.heads / op.kvHeads) * D, slot = indexAt(op.slot, t);
  T* o = op.o.row<T>(t) + head * D;
  if (slot < 0) return static_cast<void>(__builtin_memset(o, 0, static_cast<size_t>(D) * sizeof(T)));
  const int64_t last = indexAt(op.position, t), first = op.window > 0 ? larger(0, last - op.window + 1) : 0;
  const int64_t base = slot * op.cacheK.dims[1] + first, keys = last - first + 1;
  const float total = cachedWeights<T>(op, op.q.row<T>(t) + head * D, base, keys, head, scores);
  forLanes(D, [&](int64_t i, auto n) {
    F sum = zero();
    for (int64_t s = 0; s < keys; ++s) sum = fma(all(scores[s]), load(op.cacheV.row<T>(base + s) + column + i, n), sum);
    store(o + i, sum / all(total), n);
  });
}

inline void attentionCached(const AttentionCached& op, Workers& workers) {
  withType(op.q.dtype, [&]<class T>(T) {
    forTasks(workers, op.q.rows() * op.heads, [&](int64_t task, int32_t thread) {
      auto* scores = reinterpret_cast<float*>(workers.threadScratch(thread, op.cacheK.dims[1] * 4));
      attentionCachedRow<T>(op, task / op.heads, task % op.heads, scores);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
