// P = exp(scale·q·kᵀ − lse); dv = Pᵀ·dO; dS = P ∘ (dO·vᵀ − rowsum(dO ∘ o)); dq = scale·dS·k; dk = scale·dSᵀ·q.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../attention/reference.h"
namespace luthier::reference {

template <class Real>
void attentionBackwardRow(const AttentionBackward& op, int64_t t, int64_t head) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  const Real scale = static_cast<Real>(op.scale);
  Real delta = 0;
  for (int64_t i = head * D; i < (head + 1) * D; ++i) delta += get<Real>(op.dO, t, i) * get<Real>(op.o, t, i);
  for (int64_t s = integerAt(op.segmentStart, t); s <= t; ++s) {
    const Real score = scale * scoreAt<Real>(op.q, op.k, t, head, s, kvHead, D);
    const Real p = std::exp(score - get<Real>(op.lse, t, head));
    const Real dP = scoreAt<Real>(op.dO, op.v, t, head, s, kvHead, D);
    const Real dS = scale * p * (dP - delta);
    for (int64_t i = 0; i < D; ++i) {
      const int64_t q = head * D + i, k = kvHead * D + i;
      accumulate<Real>(op.dv, s, k, p * get<Real>(op.dO, t, q));
      accumulate<Real>(op.dq, t, q, dS * get<Real>(op.k, s, k));
      accumulate<Real>(op.dk, s, k, dS * get<Real>(op.q, t, q));
    }
  }
}

template <class Real>
void zero(const Tensor& x) {
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t c = 0; c < x.cols(); ++c) put<Real>(x, t, c, Real(0));
  }
}

// Sums accumulate in the stored type here: exact in F32 and F64 programs, the ones that are compared closely.
template <class Real>
void attentionBackward(const AttentionBackward& op) {
  zero<Real>(op.dq);
  zero<Real>(op.dk);
  zero<Real>(op.dv);
  for (int64_t t = 0; t < op.q.rows(); ++t) {
    for (int64_t head = 0; head < op.heads; ++head) attentionBackwardRow<Real>(op, t, head);
  }
}

}  // namespace luthier::reference
