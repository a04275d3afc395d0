// embedBackward on a GPU: a thread a column, which takes the tokens in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(embedBackward, 64) {
  const auto op = operandsOf<EmbedBackward>(arguments);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, rows = op.dy.rows();
  if (c >= op.dy.cols()) return;
  withType(op.dy.dtype, [&]<class T>(T) {
    for (int64_t t = 0; t < rows; ++t) op.dWeight.row<float>(op.ids.row<int32_t>(0)[t])[c] += load(op.dy.row<T>(t) + c);
  });
}

}  // namespace luthier::cuda
