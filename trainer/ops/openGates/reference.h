// loss += weight · Σ σ(α − shift)·σ(group − shift).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

// σ(α − shift): the probability that a gate is not 0.
template <class Real>
Real openShare(Real alpha, float shift) {
  return 1 / (1 + std::exp(static_cast<Real>(shift) - alpha));
}

template <class Real, class Op>
Real groupShare(const Op& op) {
  return op.group ? openShare<Real>(get<Real>(*op.group, 0), op.shift) : Real(1);
}

template <class Real>
Real sumOfShares(const Tensor& alpha, float shift) {
  Real sum = 0;
  for (int64_t r = 0; r < alpha.rows(); ++r) {
    for (int64_t c = 0; c < alpha.cols(); ++c) sum += openShare<Real>(get<Real>(alpha, r, c), shift);
  }
  return sum;
}

template <class Real>
void openGates(const OpenGates& op) {
  const Real total = static_cast<Real>(op.weight) * groupShare<Real>(op) * sumOfShares<Real>(op.alpha, op.shift);
  accumulate<double>(op.loss, 0, 0, static_cast<double>(total));
}

}  // namespace luthier::reference
