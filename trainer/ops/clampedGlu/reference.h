// y = g·σ(alpha·g)·(u + 1), g = min(x[2c], limit), u = x[2c + 1] within ±limit.
#pragma once

#include <algorithm>
#include <cmath>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void clampedGlu(const ClampedGlu& op) {
  const Real alpha = static_cast<Real>(op.alpha), limit = static_cast<Real>(op.limit);
  for (int64_t t = 0; t < op.y.rows(); ++t) {
    for (int64_t c = 0; c < op.y.cols(); ++c) {
      const Real gate = std::min(get<Real>(op.x, t, 2 * c), limit);
      const Real up = std::min(std::max(get<Real>(op.x, t, 2 * c + 1), -limit), limit);
      put<Real>(op.y, t, c, gate / (Real(1) + std::exp(-alpha * gate)) * (up + Real(1)));
    }
  }
}

}  // namespace luthier::reference
