// y = max(x, 0). y may be x.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void relu(const Relu& op) {
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    for (int64_t c = 0; c < op.y.cols(); ++c) {
      const Real x = get<Real>(op.x, r, c);
      put<Real>(op.y, r, c, x < Real(0) ? Real(0) : x);
    }
  }
}

}  // namespace luthier::reference
