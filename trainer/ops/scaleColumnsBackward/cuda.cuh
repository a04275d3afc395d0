// scaleColumnsBackward on a GPU: a thread a column, which takes the rows in order; dx may be dy.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(scaleColumnsBackward, 64) {
  const auto op = operandsOf<ScaleColumnsBackward>(arguments);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, rows = op.dy.rows();
  if (c >= op.dy.cols()) return;
  const float scale = elementOf(op.scale, 0, c);
  withType(op.dy.dtype, [&]<class T>(T) {
    float sum = 0;
    for (int64_t t = 0; t < rows; ++t) {
      const float dy = load(op.dy.row<T>(t) + c);
      sum = fmaf(dy, load(op.x.row<T>(t) + c), sum);
      store(op.dx.row<T>(t) + c, dy * scale);
    }
    if (op.dScale) op.dScale->row<float>(0)[c] += sum;
  });
}

}  // namespace luthier::cuda
