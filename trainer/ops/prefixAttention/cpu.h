// prefixAttention on the CPU: attention over the segments, then each row and head merges the prefix by its log-sum-exp.
#pragma once

#include "../../native/generated/ops.h"
#include "../attention/cpu.h"
#include "../attentionCached/cpu.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline void takeInPrefix(const PrefixAttention& op, int64_t t, int64_t head, float* scores) {
  const int64_t D = op.headDim, column = head / (op.heads / op.kvHeads) * D, n = op.prefixK.rows();
  const T* q = op.q.row<T>(t) + head * D;
  float& lse = op.lse.row<float>(t)[head];
  const float scale = op.softcap > 0 ? 1 : op.scale;
  for (int64_t j = 0; j < n; ++j) scores[j] = scale * sumOf(dotOf(q, op.prefixK.row<T>(j) + column, D));
  if (op.softcap > 0) capScores(scores, n, op.scale, op.softcap);
  float top = lse;
  for (int64_t j = 0; j < n; ++j) top = scores[j] > top ? scores[j] : top;
  F sum = zero();
  forLanes(n, [&](int64_t j, auto count) {
    const F weight = only(exponential(load(scores + j, count) - all(top)), count);
    store(scores + j, weight, count);
    sum = sum + weight;
  });
  const float own = exponentialOf(lse - top), total = own + sumOf(sum), inverse = 1.0f / total;
  lse = top + static_cast<float>(logarithm(static_cast<double>(total)));
  T* o = op.o.row<T>(t) + head * D;
  forLanes(D, [&](int64_t i, auto count) {
    F mixed = load(o + i, count) * all(own);
    for (int64_t j = 0; j < n; ++j) mixed = fma(all(scores[j]), load(op.prefixV.row<T>(j) + column + i, count), mixed);
    store(o + i, mixed * all(inverse), count);
  });
}

inline void prefixAttention(const PrefixAttention& op, Workers& workers) {
  attentionOf(op, workers);
  withType(op.q.dtype, [&]<class T>(T) {
    forTasks(workers, op.q.rows() * op.heads, [&](int64_t task, int32_t thread) {
      auto* scores = reinterpret_cast<float*>(workers.threadScratch(thread, op.prefixK.rows() * 4));
      takeInPrefix<T>(op, task / op.heads, task % op.heads, scores);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
