// Sensitivity and uncertainty of each weight, smoothed.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void importance(const Importance& op) {
  const Real factor = get<Real>(op.factor, 0);
  for (int64_t r = 0; r < op.theta.rows(); ++r) {
    for (int64_t c = 0; c < op.theta.cols(); ++c) {
      const Real now = std::fabs(get<Real>(op.theta, r, c) * (get<Real>(op.grad, r, c) * factor));
      const Real mean = static_cast<Real>(op.beta1) * get<Real>(op.sensitivity, r, c) + static_cast<Real>(op.oneMinusBeta1) * now;
      const Real spread = static_cast<Real>(op.beta2) * get<Real>(op.uncertainty, r, c) +
                          static_cast<Real>(op.oneMinusBeta2) * std::fabs(now - mean);
      put<Real>(op.sensitivity, r, c, mean);
      put<Real>(op.uncertainty, r, c, spread);
    }
  }
}

}  // namespace luthier::reference
