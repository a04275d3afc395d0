// dLogits = p ⊙ (chosen dWeights − Σ weights·dWeights), p the softmax over all experts or over the chosen ones.
#pragma once

#include <cmath>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void routeBackward(const RouteBackward& op) {
  const int64_t E = op.logits.cols(), K = op.topK;
  for (int64_t t = 0; t < op.logits.rows(); ++t) {
    Real mean = 0, total = 0;
    for (int64_t j = 0; j < K; ++j) mean += get<Real>(op.weights, t, j) * get<Real>(op.dWeights, t, j);
    const Real top = get<Real>(op.logits, t, integerAt(op.expert, t * K));
    for (int64_t e = 0; e < E; ++e) total += std::exp(get<Real>(op.logits, t, e) - top);
    for (int64_t e = 0; e < E; ++e) {
      Real gradient = op.normalized ? Real(0) : -mean * std::exp(get<Real>(op.logits, t, e) - top) / total;
      for (int64_t j = 0; j < K; ++j) {
        if (integerAt(op.expert, t * K + j) != e) continue;
        const Real own = get<Real>(op.dWeights, t, j) - (op.normalized ? mean : Real(0));
        gradient += get<Real>(op.weights, t, j) * own;
      }
      put<Real>(op.dLogits, t, e, gradient);
    }
  }
}

}  // namespace luthier::reference
