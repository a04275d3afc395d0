// y = a + b. y may be a.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void add(const Add& op) {
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, r, c, get<Real>(op.a, r, c) + get<Real>(op.b, r, c));
  }
}

}  // namespace luthier::reference
