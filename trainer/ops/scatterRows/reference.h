// dx[index[r]] = dy[r], zeros elsewhere; −1 is skipped.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void scatterRows(const ScatterRows& op) {
  for (int64_t t = 0; t < op.dx.rows(); ++t) {
    for (int64_t c = 0; c < op.dx.cols(); ++c) put<Real>(op.dx, t, c, Real(0));
  }
  for (int64_t r = 0; r < op.dy.rows(); ++r) {
    const int64_t to = integerAt(op.index, r);
    if (to < 0) continue;
    for (int64_t c = 0; c < op.dy.cols(); ++c) put<Real>(op.dx, to, c, get<Real>(op.dy, r, c));
  }
}

}  // namespace luthier::reference
