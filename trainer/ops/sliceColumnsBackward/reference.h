// dx = sum + dy in the columns before .. before + width.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void sliceColumnsBackward(const SliceColumnsBackward& op) {
  for (int64_t t = 0; t < op.dx.rows(); ++t) {
    for (int64_t c = 0; c < op.dx.cols(); ++c) {
      const bool inside = c >= op.before && c < op.before + op.width;
      const Real dy = inside ? get<Real>(op.dy, t, c - op.before) : Real(0);
      put<Real>(op.dx, t, c, (op.sum ? get<Real>(*op.sum, t, c) : Real(0)) + dy);
    }
  }
}

}  // namespace luthier::reference
