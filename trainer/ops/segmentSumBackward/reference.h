// dx[r] = scale[s] · dy[s] of the row's segment s; 0 for segment −1.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void segmentSumBackward(const SegmentSumBackward& op) {
  for (int64_t r = 0; r < op.dx.cols(); ++r) {
    const int64_t s = integerAt(op.segment, r);
    put<Real>(op.dx, r, s < 0 ? Real(0) : static_cast<Real>(get<double>(op.scale, s) * get<double>(op.dy, s)));
  }
}

}  // namespace luthier::reference
