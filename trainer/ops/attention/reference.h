// o = softmax(s)·v (with a sink: without its own share), s = scale · q·kᵀ, or c·tanh(s/c) with a softcap of c, over keys segmentStart[t]..t, by head; lse is the log of the softmax's sum.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

#include <vector>

namespace luthier::reference {

template <class Real>
Real scoreAt(const Tensor& q, const Tensor& k, int64_t t, int64_t qHead, int64_t s, int64_t kHead, int64_t D) {
  Real sum = 0;
  for (int64_t i = 0; i < D; ++i) sum += get<Real>(q, t, qHead * D + i) * get<Real>(k, s, kHead * D + i);
  return sum;
}

// A scaled score as the softmax sees it. Op: any op with attention's attributes.
template <class Real, class Op>
Real capped(const Op& op, Real score) {
  const auto cap = static_cast<Real>(op.softcap);
  return cap > 0 ? cap * std::tanh(score / cap) : score;
}

// In place: scores → exp(score − highest), and their sum and the highest.
template <class Real>
struct Softmax {
  Real highest, total;
};

// Sinks: a score of each head that the softmax counts beside these; null: none.
template <class Real>
Softmax<Real> exponentials(std::vector<Real>& scores, const Tensor* sinks, int64_t head) {
  Softmax<Real> softmax{sinks ? get<Real>(*sinks, head) : scores[0], 0};
  for (const Real score : scores) softmax.highest = std::fmax(softmax.highest, score);
  if (sinks) softmax.total = std::exp(get<Real>(*sinks, head) - softmax.highest);
  for (Real& score : scores) softmax.total += score = std::exp(score - softmax.highest);
  return softmax;
}

template <class Real>
void attentionRow(const Attention& op, int64_t t, int64_t head) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads), start = integerAt(op.segmentStart, t);
  std::vector<Real> weights;
  for (int64_t s = start; s <= t; ++s) {
    weights.push_back(capped(op, static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.k, t, head, s, kvHead, D)));
  }
  const Softmax<Real> softmax = exponentials(weights, op.sinks, head);
  put<Real>(op.lse, t, head, softmax.highest + std::log(softmax.total));
  for (int64_t i = 0; i < D; ++i) {
    Real sum = 0;
    for (int64_t s = start; s <= t; ++s) sum += weights[s - start] * get<Real>(op.v, s, kvHead * D + i);
    put<Real>(op.o, t, head * D + i, sum / softmax.total);
  }
}

template <class Real>
void attention(const Attention& op) {
  for (int64_t t = 0; t < op.q.rows(); ++t) {
    for (int64_t head = 0; head < op.heads; ++head) attentionRow<Real>(op, t, head);
  }
}

}  // namespace luthier::reference
