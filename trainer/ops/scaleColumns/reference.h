// y = x ⊙ scale + bias + residual, column by column.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void scaleColumns(const ScaleColumns& op) {
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    for (int64_t c = 0; c < op.y.cols(); ++c) {
      Real y = get<Real>(op.x, r, c) * get<Real>(op.scale, c);
      if (op.bias) y += get<Real>(*op.bias, c);
      if (op.residual) y += get<Real>(*op.residual, r, c);
      put<Real>(op.y, r, c, y);
    }
  }
}

}  // namespace luthier::reference
