// A row of the table for each id.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void embed(const Embed& op) {
  for (int64_t t = 0; t < op.y.rows(); ++t) {
    const int64_t id = integerAt(op.ids, t);
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, t, c, get<Real>(op.weight, id, c));
  }
}

}  // namespace luthier::reference
