// segmentSumBackward on a GPU: a thread a row.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(segmentSumBackward, 256) {
  const auto op = operandsOf<SegmentSumBackward>(arguments);
  forElements(op.dx, [&](int64_t, int64_t r) {
    const int32_t s = op.segment.row<int32_t>(0)[r];
    op.dx.row<float>(0)[r] = s < 0 ? 0.0f : static_cast<float>(static_cast<double>(op.scale.row<float>(0)[s]) * op.dy.row<double>(0)[s]);
  });
}

}  // namespace luthier::cuda
