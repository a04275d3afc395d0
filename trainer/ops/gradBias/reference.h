// dBias += scale · Σ dy over the rows.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void gradBias(const GradBias& op) {
  for (int64_t c = 0; c < op.dy.cols(); ++c) {
    Real sum = 0;
    for (int64_t r = 0; r < op.dy.rows(); ++r) sum += get<Real>(op.dy, r, c);
    accumulate<Real>(op.dBias, 0, c, static_cast<Real>(op.scale) * sum);
  }
}

}  // namespace luthier::reference
