// y[p] = x[order[p] / topK].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void gatherExperts(const GatherExperts& op) {
  for (int64_t p = 0; p < op.y.rows(); ++p) {
    const int64_t t = integerAt(op.order, p) / op.topK;
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, p, c, get<Real>(op.x, t, c));
  }
}

}  // namespace luthier::reference
