// y[s] = scale[s] · Σ (x[r] − minus[r]) over the rows of segment s; rows of segment −1 are skipped.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void segmentSum(const SegmentSum& op) {
  for (int64_t s = 0; s < op.y.cols(); ++s) {
    double sum = 0;
    for (int64_t r = 0; r < op.x.cols(); ++r) {
      if (integerAt(op.segment, r) != s) continue;
      sum += get<double>(op.x, r) - (op.minus ? get<double>(*op.minus, r) : 0.0);
    }
    put<double>(op.y, s, get<double>(op.scale, s) * sum);
  }
}

}  // namespace luthier::reference
