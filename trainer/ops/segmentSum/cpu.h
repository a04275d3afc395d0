// segmentSum on the CPU: one pass over the rows, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void segmentSum(const SegmentSum& op, Workers&) {
  const int64_t segments = op.y.cols();
  for (int64_t s = 0; s < segments; ++s) putDouble(op.y, s, 0);
  for (int64_t r = 0; r < op.x.cols(); ++r) {
    const int64_t s = indexAt(op.segment, r);
    if (s < 0) continue;
    const double minus = op.minus ? static_cast<double>(floatAt(*op.minus, r)) : 0.0;
    putDouble(op.y, s, doubleAt(op.y, s) + (static_cast<double>(floatAt(op.x, r)) - minus));
  }
  for (int64_t s = 0; s < segments; ++s) putDouble(op.y, s, static_cast<double>(floatAt(op.scale, s)) * doubleAt(op.y, s));
}

}  // namespace luthier::LUTHIER_ISA
