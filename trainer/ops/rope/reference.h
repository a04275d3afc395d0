// Rotates (x[i], x[i+n/2]) of the first n elements of each head (n 0: of all) by the row's angles and keeps the others; sign −1 rotates back. y may be x.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

#include <algorithm>

namespace luthier::reference {

template <class Real>
void rope(const Rope& op) {
  const int64_t rotary = op.rotary > 0 ? std::min(op.rotary, op.headDim) : op.headDim, half = rotary / 2;
  for (int64_t t = 0; t < op.x.rows(); ++t) {
    for (int64_t head = 0; head < op.heads; ++head) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t low = head * op.headDim + i, high = low + half;
        const Real a = get<Real>(op.x, t, low), b = get<Real>(op.x, t, high);
        const Real cos = get<Real>(op.cos, t, i), sin = static_cast<Real>(op.sign) * get<Real>(op.sin, t, i);
        put<Real>(op.y, t, low, a * cos - b * sin);
        put<Real>(op.y, t, high, b * cos + a * sin);
      }
      for (int64_t i = rotary; i < op.headDim; ++i) put<Real>(op.y, t, head * op.headDim + i, get<Real>(op.x, t, head * op.headDim + i));
    }
  }
}

}  // namespace luthier::reference
