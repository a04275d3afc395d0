// y = scale · x, rounded to y's type.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void cast(const Cast& op) {
  for (int64_t r = 0; r < op.x.rows(); ++r) {
    for (int64_t c = 0; c < op.x.cols(); ++c) put<Real>(op.y, r, c, static_cast<Real>(op.scale) * get<Real>(op.x, r, c));
  }
}

}  // namespace luthier::reference
