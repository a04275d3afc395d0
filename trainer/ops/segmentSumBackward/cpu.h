// segmentSumBackward on the CPU: a product per row.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void segmentSumBackward(const SegmentSumBackward& op, Workers&) {
  for (int64_t r = 0; r < op.dx.cols(); ++r) {
    const int64_t s = indexAt(op.segment, r);
    putFloat(op.dx, r, s < 0 ? 0.0f : static_cast<float>(static_cast<double>(floatAt(op.scale, s)) * doubleAt(op.dy, s)));
  }
}

}  // namespace luthier::LUTHIER_ISA
