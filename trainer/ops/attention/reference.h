// o = softmax(scale · q·kᵀ)·v over keys segmentStart[t]..t, by head; lse is the log of the softmax's sum.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
Real scoreAt(const Tensor& q, const Tensor& k, int64_t t, int64_t qHead, int64_t s, int64_t kHead, int64_t D) {
  Real sum = 0;
  for (int64_t i = 0; i < D; ++i) sum += get<Real>(q, t, qHead * D + i) * get<Real>(k, s, kHead * D + i);
  return sum;
}

template <class Real>
void attentionRow(const Attention& op, int64_t t, int64_t head) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads), start = integerAt(op.segmentStart, t);
  const auto score = [&](int64_t s) {
    return static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.k, t, head, s, kvHead, D);
  };
  Real highest = score(start);
  for (int64_t s = start + 1; s <= t; ++s) highest = std::fmax(highest, score(s));
  Real total = 0;
  for (int64_t s = start; s <= t; ++s) total += std::exp(score(s) - highest);
  const Real lse = highest + std::log(total);
  put<Real>(op.lse, t, head, lse);
  for (int64_t i = 0; i < D; ++i) put<Real>(op.o, t, head * D + i, Real(0));
  for (int64_t i = 0; i < D; ++i) {
    Real sum = 0;
    for (int64_t s = start; s <= t; ++s) sum += std::exp(score(s) - lse) * get<Real>(op.v, s, kvHead * D + i);
    put<Real>(op.o, t, head * D + i, sum);
  }
}

template <class Real>
void attention(const Attention& op) {
  for (int64_t t = 0; t < op.q.rows(); ++t) {
    for (int64_t head = 0; head < op.heads; ++head) attentionRow<Real>(op, t, head);
  }
}

}  // namespace luthier::reference
