// dAlpha = weight·q·p·(1 − p), dGroup = weight·q·(1 − q)·Σ p, both added; p = σ(α − shift), q = σ(group − shift).
#pragma once

#include "../openGates/reference.h"

namespace luthier::reference {

template <class Real>
void openGatesBackward(const OpenGatesBackward& op) {
  const Real q = groupShare<Real>(op), weight = static_cast<Real>(op.weight);
  for (int64_t r = 0; r < op.alpha.rows(); ++r) {
    for (int64_t c = 0; c < op.alpha.cols(); ++c) {
      const Real p = openShare<Real>(get<Real>(op.alpha, r, c), op.shift);
      accumulate<Real>(op.dAlpha, r, c, weight * q * p * (1 - p));
    }
  }
  if (op.dGroup) accumulate<Real>(*op.dGroup, 0, 0, weight * q * (1 - q) * sumOfShares<Real>(op.alpha, op.shift));
}

}  // namespace luthier::reference
