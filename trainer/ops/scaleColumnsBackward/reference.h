// dx = dy ⊙ scale; dScale += Σ dy · x over the rows. dx may be dy.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void scaleColumnsBackward(const ScaleColumnsBackward& op) {
  for (int64_t c = 0; c < op.dy.cols(); ++c) {
    Real sum = 0;
    for (int64_t r = 0; r < op.dy.rows(); ++r) {
      const Real dy = get<Real>(op.dy, r, c);
      sum += dy * get<Real>(op.x, r, c);
      put<Real>(op.dx, r, c, dy * get<Real>(op.scale, c));
    }
    if (op.dScale) accumulate<Real>(*op.dScale, 0, c, sum);
  }
}

}  // namespace luthier::reference
