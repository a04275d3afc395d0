// y = x, but y[index[r]] = rows[r].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void replaceRows(const ReplaceRows& op) {
  const int64_t d = op.y.cols();
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    for (int64_t c = 0; c < d; ++c) put<Real>(op.y, r, c, get<Real>(op.x, r, c));
  }
  for (int64_t r = 0; r < op.rows.rows(); ++r) {
    for (int64_t c = 0; c < d; ++c) put<Real>(op.y, integerAt(op.index, r), c, get<Real>(op.rows, r, c));
  }
}

}  // namespace luthier::reference
