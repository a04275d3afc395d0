// y[r] = x[index[r]]; index −1 gives zeros.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void gatherRows(const GatherRows& op) {
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    const int64_t from = integerAt(op.index, r);
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, r, c, from < 0 ? Real(0) : get<Real>(op.x, from, c));
  }
}

}  // namespace luthier::reference
