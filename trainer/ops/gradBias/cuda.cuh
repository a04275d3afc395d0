// gradBias on a GPU: a thread a column, which takes the rows in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(gradBias, 64) {
  const auto op = operandsOf<GradBias>(arguments);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, rows = op.dy.rows();
  if (c >= op.dy.cols()) return;
  withType(op.dy.dtype, [&]<class T>(T) {
    float sum = 0;
    for (int64_t t = 0; t < rows; ++t) sum += load(op.dy.row<T>(t) + c);
    op.dBias.row<float>(0)[c] += op.scale * sum;
  });
}

}  // namespace luthier::cuda
