// dLogits = p ⊙ (g − Σ p·g), p the softmax over all experts.
#pragma once

#include "../routerLoad/reference.h"

namespace luthier::reference {

template <class Real>
void routerLoadBackward(const RouterLoadBackward& op) {
  const int64_t E = op.logits.cols();
  for (int64_t t = 0; t < op.logits.rows(); ++t) {
    const int64_t row = integerAt(op.segmentStart, t);
    const Real top = highestLogit<Real>(op.logits, t), total = exponentialTotal<Real>(op.logits, t, top);
    const auto probability = [&](int64_t e) { return std::exp(get<Real>(op.logits, t, e) - top) / total; };
    Real mean = 0;
    for (int64_t e = 0; e < E; ++e) mean += probability(e) * get<Real>(op.dLoad, row, E + e);
    for (int64_t e = 0; e < E; ++e) put<Real>(op.dLogits, t, e, probability(e) * (get<Real>(op.dLoad, row, E + e) - mean));
  }
}

}  // namespace luthier::reference
