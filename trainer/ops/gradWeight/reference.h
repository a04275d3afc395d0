// dW += scale · dyᵀ·x.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void gradWeight(const GradWeight& op) {
  for (int64_t o = 0; o < op.dW.rows(); ++o) {
    for (int64_t i = 0; i < op.dW.cols(); ++i) {
      Real sum = 0;
      for (int64_t t = 0; t < op.dy.rows(); ++t) sum += get<Real>(op.dy, t, o) * get<Real>(op.x, t, i);
      accumulate<Real>(op.dW, o, i, static_cast<Real>(op.scale) * sum);
    }
  }
}

}  // namespace luthier::reference
