// Attention over the keys of the prefix and segmentStart[t]..t together, by head.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../attention/reference.h"

#include <vector>

namespace luthier::reference {

template <class Real>
void prefixAttentionRow(const PrefixAttention& op, int64_t t, int64_t head) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads), start = integerAt(op.segmentStart, t);
  const int64_t n = op.prefixK.rows();
  std::vector<Real> weights;
  for (int64_t j = 0; j < n; ++j) {
    weights.push_back(capped(op, static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.prefixK, t, head, j, kvHead, D)));
  }
  for (int64_t s = start; s <= t; ++s) {
    weights.push_back(capped(op, static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.k, t, head, s, kvHead, D)));
  }
  const Softmax<Real> softmax = exponentials(weights, op.sinks, head);
  put<Real>(op.lse, t, head, softmax.highest + std::log(softmax.total));
  for (int64_t i = 0; i < D; ++i) {
    Real sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += weights[j] * get<Real>(op.prefixV, j, kvHead * D + i);
    for (int64_t s = start; s <= t; ++s) sum += weights[n + s - start] * get<Real>(op.v, s, kvHead * D + i);
    put<Real>(op.o, t, head * D + i, sum / softmax.total);
  }
}

template <class Real>
void prefixAttention(const PrefixAttention& op) {
  for (int64_t t = 0; t < op.q.rows(); ++t) {
    for (int64_t head = 0; head < op.heads; ++head) prefixAttentionRow<Real>(op, t, head);
  }
}

}  // namespace luthier::reference
