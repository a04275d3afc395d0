// With a softcap of c a score s is c·tanh(s/c), and dS takes its derivative 1 − tanh²(s/c).
// P = exp(scale·q·kᵀ − lse); dv = Pᵀ·dO; dS = P ∘ (dO·vᵀ − rowsum(dO ∘ o)); dq = scale·dS·k; dk = scale·dSᵀ·q.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../attention/reference.h"

#include <vector>
namespace luthier::reference {

// The derivative of `capped`.
template <class Real, class Op>
Real cappedSlope(const Op& op, Real score) {
  if (!(op.softcap > 0)) return Real(1);
  const Real tangent = std::tanh(score / static_cast<Real>(op.softcap));
  return Real(1) - tangent * tangent;
}

// The gradients of one key–value head, row-major [T, D], until they are rounded into their tensors.
template <class Real>
struct KeyValueGradient {
  std::vector<Real> dk, dv;
};

// Op: any op with the operands and attributes of attentionBackward. dq [D] is added to.
template <class Real, class Op>
void attentionBackwardRow(const Op& op, int64_t t, int64_t head, KeyValueGradient<Real>& sums, std::vector<Real>& dq) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  Real delta = 0;
  for (int64_t i = head * D; i < (head + 1) * D; ++i) delta += get<Real>(op.dO, t, i) * get<Real>(op.o, t, i);
  for (int64_t s = integerAt(op.segmentStart, t); s <= t; ++s) {
    const Real score = static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.k, t, head, s, kvHead, D);
    const Real p = std::exp(capped(op, score) - get<Real>(op.lse, t, head));
    const Real dS = static_cast<Real>(op.scale) * cappedSlope(op, score) * p * (scoreAt<Real>(op.dO, op.v, t, head, s, kvHead, D) - delta);
    for (int64_t i = 0; i < D; ++i) {
      sums.dv[s * D + i] += p * get<Real>(op.dO, t, head * D + i);
      dq[i] += dS * get<Real>(op.k, s, kvHead * D + i);
      sums.dk[s * D + i] += dS * get<Real>(op.q, t, head * D + i);
    }
  }
}

template <class Real>
void attentionBackward(const AttentionBackward& op) {
  const int64_t T = op.q.rows(), D = op.headDim, group = op.heads / op.kvHeads;
  for (int64_t kvHead = 0; kvHead < op.kvHeads; ++kvHead) {
    const std::vector<Real> zeros(static_cast<size_t>(T * D));
    KeyValueGradient<Real> sums{zeros, zeros};
    for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head) {
      for (int64_t t = 0; t < T; ++t) {
        std::vector<Real> dq(static_cast<size_t>(D));
        attentionBackwardRow<Real>(op, t, head, sums, dq);
        for (int64_t i = 0; i < D; ++i) put<Real>(op.dq, t, head * D + i, dq[i]);
      }
    }
    for (int64_t i = 0; i < T * D; ++i) {
      put<Real>(op.dk, i / D, kvHead * D + i % D, sums.dk[i]);
      put<Real>(op.dv, i / D, kvHead * D + i % D, sums.dv[i]);
    }
  }
}

}  // namespace luthier::reference
