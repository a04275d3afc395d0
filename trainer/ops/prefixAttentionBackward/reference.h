// As attentionBackward, whose lse and o are those over prefix and segment together; the prefix's part is added to dq.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../attentionBackward/reference.h"

#include <vector>

namespace luthier::reference {

template <class Real>
void prefixAttentionBackwardRow(const PrefixAttentionBackward& op, int64_t t, int64_t head, KeyValueGradient<Real>& prefix,
                                std::vector<Real>& dq) {
  const int64_t D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  Real delta = 0;
  for (int64_t i = head * D; i < (head + 1) * D; ++i) delta += get<Real>(op.dO, t, i) * get<Real>(op.o, t, i);
  for (int64_t j = 0; j < op.prefixK.rows(); ++j) {
    const Real score = static_cast<Real>(op.scale) * scoreAt<Real>(op.q, op.prefixK, t, head, j, kvHead, D);
    const Real p = std::exp(capped(op, score) - get<Real>(op.lse, t, head));
    const Real dS = static_cast<Real>(op.scale) * cappedSlope(op, score) * p * (scoreAt<Real>(op.dO, op.prefixV, t, head, j, kvHead, D) - delta);
    for (int64_t i = 0; i < D; ++i) {
      prefix.dv[j * D + i] += p * get<Real>(op.dO, t, head * D + i);
      prefix.dk[j * D + i] += dS * get<Real>(op.q, t, head * D + i);
      dq[i] += dS * get<Real>(op.prefixK, j, kvHead * D + i);
    }
  }
}

template <class Real>
void prefixAttentionBackward(const PrefixAttentionBackward& op) {
  const int64_t T = op.q.rows(), D = op.headDim, group = op.heads / op.kvHeads, n = op.prefixK.rows();
  for (int64_t kvHead = 0; kvHead < op.kvHeads; ++kvHead) {
    const std::vector<Real> zeros(static_cast<size_t>(T * D)), none(static_cast<size_t>(n * D));
    KeyValueGradient<Real> sums{zeros, zeros}, prefix{none, none};
    for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head) {
      for (int64_t t = 0; t < T; ++t) {
        std::vector<Real> dq(static_cast<size_t>(D));
        attentionBackwardRow<Real>(op, t, head, sums, dq);
        prefixAttentionBackwardRow<Real>(op, t, head, prefix, dq);
        for (int64_t i = 0; i < D; ++i) put<Real>(op.dq, t, head * D + i, dq[i]);
      }
    }
    for (int64_t i = 0; i < T * D; ++i) {
      put<Real>(op.dk, i / D, kvHead * D + i % D, sums.dk[i]);
      put<Real>(op.dv, i / D, kvHead * D + i % D, sums.dv[i]);
    }
    for (int64_t i = 0; i < n * D; ++i) {
      if (op.dPrefixK) accumulate<Real>(*op.dPrefixK, i / D, kvHead * D + i % D, prefix.dk[i]);
      if (op.dPrefixV) accumulate<Real>(*op.dPrefixV, i / D, kvHead * D + i % D, prefix.dv[i]);
    }
  }
}

}  // namespace luthier::reference
