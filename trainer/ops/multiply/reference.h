// y = a ⊙ b. y may be a or b.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void multiply(const Multiply& op) {
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, r, c, get<Real>(op.a, r, c) * get<Real>(op.b, r, c));
  }
}

}  // namespace luthier::reference
