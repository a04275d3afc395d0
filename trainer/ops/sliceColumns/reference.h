// y = x[:, before .. before + width).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void sliceColumns(const SliceColumns& op) {
  for (int64_t t = 0; t < op.y.rows(); ++t) {
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, t, c, get<Real>(op.x, t, op.before + c));
  }
}

}  // namespace luthier::reference
