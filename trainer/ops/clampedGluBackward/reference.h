// dx[2c] = dy·(u + 1)·(g·σ(alpha·g))′, dx[2c + 1] = dy·g·σ(alpha·g), each zero where its column is beyond the limit.
#pragma once

#include <algorithm>
#include <cmath>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void clampedGluBackward(const ClampedGluBackward& op) {
  const Real alpha = static_cast<Real>(op.alpha), limit = static_cast<Real>(op.limit);
  for (int64_t t = 0; t < op.dy.rows(); ++t) {
    for (int64_t c = 0; c < op.dy.cols(); ++c) {
      const Real g = get<Real>(op.x, t, 2 * c), u = get<Real>(op.x, t, 2 * c + 1), dy = get<Real>(op.dy, t, c);
      const Real gate = std::min(g, limit), up = std::min(std::max(u, -limit), limit);
      const Real sigmoid = Real(1) / (Real(1) + std::exp(-alpha * gate));
      const Real slope = sigmoid * (Real(1) + alpha * gate * (Real(1) - sigmoid));
      put<Real>(op.dx, t, 2 * c, g > limit ? Real(0) : dy * (up + Real(1)) * slope);
      put<Real>(op.dx, t, 2 * c + 1, u > limit || u < -limit ? Real(0) : dy * gate * sigmoid);
    }
  }
}

}  // namespace luthier::reference
