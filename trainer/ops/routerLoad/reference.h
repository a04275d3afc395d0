// load[segmentStart[t]] += the choices of token t, then the softmax of its logits.
#pragma once

#include <cmath>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
Real highestLogit(const Tensor& logits, int64_t t) {
  Real top = -INFINITY;
  for (int64_t e = 0; e < logits.cols(); ++e) top = std::fmax(top, get<Real>(logits, t, e));
  return top;
}

// Σ exp(logits − top).
template <class Real>
Real exponentialTotal(const Tensor& logits, int64_t t, Real top) {
  Real total = 0;
  for (int64_t e = 0; e < logits.cols(); ++e) total += std::exp(get<Real>(logits, t, e) - top);
  return total;
}

template <class Real>
void routerLoad(const RouterLoad& op) {
  const int64_t T = op.logits.rows(), E = op.logits.cols();
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t c = 0; c < 2 * E; ++c) put<Real>(op.load, t, c, op.before ? get<Real>(*op.before, t, c) : Real(0));
  }
  for (int64_t t = 0; t < T; ++t) {
    const int64_t row = integerAt(op.segmentStart, t);
    for (int64_t j = 0; j < op.topK; ++j) accumulate<Real>(op.load, row, integerAt(op.expert, t * op.topK + j), Real(1));
    const Real top = highestLogit<Real>(op.logits, t), total = exponentialTotal<Real>(op.logits, t, top);
    for (int64_t e = 0; e < E; ++e) accumulate<Real>(op.load, row, E + e, std::exp(get<Real>(op.logits, t, e) - top) / total);
  }
}

}  // namespace luthier::reference
