// weightedSum on a GPU: one thread, the rows in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(weightedSum, 32) {
  const auto op = operandsOf<WeightedSum>(arguments);
  if (threadIdx.x != 0) return;
  double total = *op.loss.row<double>(0);
  for (int64_t r = 0; r < op.x.cols(); ++r) total += static_cast<double>(op.weight.row<float>(0)[r]) * static_cast<double>(op.x.row<float>(0)[r]);
  *op.loss.row<double>(0) = total;
}

}  // namespace luthier::cuda
