// Attention of row t over cache[slot[t]][0..position[t]], with a window over its last rows; slot −1 gives zeros.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../attention/reference.h"

#include <algorithm>

namespace luthier::reference {

template <class Real>
void attentionCachedRow(const AttentionCached& op, int64_t t, int64_t head) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads), last = integerAt(op.position, t);
  const int64_t first = op.window > 0 ? std::max<int64_t>(0, last - op.window + 1) : 0, keys = last - first + 1;
  const int64_t base = integerAt(op.slot, t) * op.cacheK.dims[1] + first;
  std::vector<Real> weights;
  for (int64_t s = 0; s < keys; ++s) {
    weights.push_back(capped(op, static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.cacheK, t, head, base + s, kvHead, D)));
  }
  const Softmax<Real> softmax = exponentials(weights, op.sinks, head);
  for (int64_t i = 0; i < D; ++i) {
    Real sum = 0;
    for (int64_t s = 0; s < keys; ++s) sum += weights[s] * get<Real>(op.cacheV, base + s, kvHead * D + i);
    put<Real>(op.o, t, head * D + i, sum / softmax.total);
  }
}

template <class Real>
void attentionCached(const AttentionCached& op) {
  for (int64_t t = 0; t < op.q.rows(); ++t) {
    for (int64_t head = 0; head < op.heads; ++head) {
      if (integerAt(op.slot, t) >= 0) {
        attentionCachedRow<Real>(op, t, head);
        continue;
      }
      for (int64_t i = head * op.headDim; i < (head + 1) * op.headDim; ++i) put<Real>(op.o, t, i, Real(0));
    }
  }
}

}  // namespace luthier::reference
