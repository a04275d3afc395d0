// route on the CPU: tasks of whole rows choose; one pass over all choices sorts them by counting.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void putIndex(const Tensor& t, int64_t i, int64_t value) {
  const auto index = static_cast<int32_t>(value);
  __builtin_memcpy(t.data + 4 * i, &index, sizeof index);
}

// Σ exp(logits − top), in order.
inline float exponentialSum(const Tensor& logits, int64_t t, float top) {
  F sum = zero();
  forLanes(logits.cols(), [&](int64_t e, auto n) { sum = sum + only(exponential(loadAny(logits, t, e, n) - all(top)), n); });
  return sumOf(sum);
}

// The expert with the highest logit that is none of the token's `taken` choices from `first` on; NaN counts as −∞.
inline int64_t nextExpert(const Tensor& logits, int64_t t, const Tensor& expert, int64_t first, int64_t taken) {
  int64_t best = -1;
  float highest = 0;
  for (int64_t e = 0; e < logits.cols(); ++e) {
    bool isTaken = false;
    for (int64_t j = 0; j < taken; ++j) isTaken = isTaken || indexAt(expert, first + j) == e;
    if (isTaken) continue;
    const float value = elementOf(logits, t, e), compared = value == value ? value : -__builtin_inff();
    if (best >= 0 && !(compared > highest)) continue;
    best = e;
    highest = compared;
  }
  return best < 0 ? 0 : best;
}

inline void routeRow(const Route& op, int64_t t) {
  const int64_t K = op.topK, first = t * K;
  float* weights = op.weights.row<float>(t);
  float total = 0, top = 0;
  for (int64_t j = 0; j < K; ++j) {
    const int64_t e = nextExpert(op.logits, t, op.expert, first, j);
    putIndex(op.expert, first + j, e);
    if (j == 0) top = elementOf(op.logits, t, e);
    weights[j] = exponentialOf(elementOf(op.logits, t, e) - top);
    total += weights[j];
  }
  if (!op.normalized) total = exponentialSum(op.logits, t, top);
  for (int64_t j = 0; j < K; ++j) weights[j] /= total;
}

inline void route(const Route& op, Workers& workers) {
  forPieces(workers, op.logits.rows(), 16, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) routeRow(op, t);
  });
  const int64_t E = op.logits.cols(), choices = op.expert.count();
  for (int64_t e = 0; e <= E; ++e) putIndex(op.starts, e, 0);
  for (int64_t s = 0; s < choices; ++s) {
    const int64_t behind = indexAt(op.expert, s) + 1;
    putIndex(op.starts, behind, indexAt(op.starts, behind) + 1);
  }
  for (int64_t e = 0; e < E; ++e) putIndex(op.starts, e + 1, indexAt(op.starts, e) + indexAt(op.starts, e + 1));
  // starts[e] counts on while expert e gets its rows; afterwards it is the start of the next.
  for (int64_t s = 0; s < choices; ++s) {
    const int64_t e = indexAt(op.expert, s), row = indexAt(op.starts, e);
    putIndex(op.place, s, row);
    putIndex(op.order, row, s);
    putIndex(op.starts, e, row + 1);
  }
  for (int64_t e = E; e > 0; --e) putIndex(op.starts, e, indexAt(op.starts, e - 1));
  putIndex(op.starts, 0, 0);
}

}  // namespace luthier::LUTHIER_ISA
