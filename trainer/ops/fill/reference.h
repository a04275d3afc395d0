// y = value everywhere.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void fill(const Fill& op) {
  for (int64_t r = 0; r < op.y.rows(); ++r) {
    for (int64_t c = 0; c < op.y.cols(); ++c) put<Real>(op.y, r, c, static_cast<Real>(op.value));
  }
}

}  // namespace luthier::reference
