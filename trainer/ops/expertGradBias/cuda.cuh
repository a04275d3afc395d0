// expertGradBias on a GPU: a thread an expert's column, which takes the rows in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(expertGradBias, 64) {
  const auto op = operandsOf<ExpertGradBias>(arguments);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, e = blockIdx.y;
  if (c >= op.dy.cols()) return;
  const int32_t* starts = op.starts.row<int32_t>(0);
  withType(op.dy.dtype, [&]<class T>(T) {
    float sum = 0;
    for (int64_t p = starts[e]; p < starts[e + 1]; ++p) sum += load(op.dy.row<T>(p) + c);
    op.dBias.row<float>(e)[c] += op.scale * sum;
  });
}

}  // namespace luthier::cuda
