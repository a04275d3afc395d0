// AdamW (Loshchilov, Hutter 2019) in the order of operations of torch.optim.AdamW, one element after another.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void adamw(const Adamw& op) {
  const Real rest1 = static_cast<Real>(op.oneMinusBeta1);
  const Real beta2 = static_cast<Real>(op.beta2), rest2 = static_cast<Real>(op.oneMinusBeta2);
  const Real rate = get<Real>(op.hyper, 0) * static_cast<Real>(op.learningRateScale);
  const Real stepSize = rate / get<Real>(op.hyper, 1), root2 = get<Real>(op.hyper, 2);
  const Real factor = get<Real>(op.factor, 0);
  for (int64_t r = 0; r < op.theta.rows(); ++r) {
    for (int64_t c = 0; c < op.theta.cols(); ++c) {
      const Real g = get<Real>(op.grad, r, c) * factor;
      const Real decayed = get<Real>(op.theta, r, c) * (Real(1) - rate * static_cast<Real>(op.weightDecay));
      const Real m = get<Real>(op.m, r, c) + (g - get<Real>(op.m, r, c)) * rest1;
      const Real v = get<Real>(op.v, r, c) * beta2 + rest2 * g * g;
      put<Real>(op.m, r, c, m);
      put<Real>(op.v, r, c, v);
      put<Real>(op.theta, r, c, decayed - stepSize * (m / (std::sqrt(v) / root2 + static_cast<Real>(op.eps))));
    }
  }
}

}  // namespace luthier::reference
