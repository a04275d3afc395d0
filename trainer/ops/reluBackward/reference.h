// dx = dy where y > 0, else 0. dx may be dy.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void reluBackward(const ReluBackward& op) {
  for (int64_t r = 0; r < op.dx.rows(); ++r) {
    for (int64_t c = 0; c < op.dx.cols(); ++c) {
      put<Real>(op.dx, r, c, Real(0) < get<Real>(op.y, r, c) ? get<Real>(op.dy, r, c) : Real(0));
    }
  }
}

}  // namespace luthier::reference
