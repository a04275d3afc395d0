// Adds each token's gradient to its id's row, in token order.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void embedBackward(const EmbedBackward& op) {
  for (int64_t t = 0; t < op.dy.rows(); ++t) {
    const int64_t id = integerAt(op.ids, t);
    for (int64_t c = 0; c < op.dy.cols(); ++c) accumulate<Real>(op.dWeight, id, c, get<Real>(op.dy, t, c));
  }
}

}  // namespace luthier::reference
