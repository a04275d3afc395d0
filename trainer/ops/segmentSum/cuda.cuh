// segmentSum on a GPU: a thread a segment, which takes the rows in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(segmentSum, 64) {
  const auto op = operandsOf<SegmentSum>(arguments);
  const int64_t s = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (s >= op.y.cols()) return;
  double sum = 0;
  for (int64_t r = 0; r < op.x.cols(); ++r) {
    if (op.segment.row<int32_t>(0)[r] != s) continue;
    const double minus = op.minus ? static_cast<double>(op.minus->row<float>(0)[r]) : 0.0;
    sum += static_cast<double>(op.x.row<float>(0)[r]) - minus;
  }
  op.y.row<double>(0)[s] = static_cast<double>(op.scale.row<float>(0)[s]) * sum;
}

}  // namespace luthier::cuda
