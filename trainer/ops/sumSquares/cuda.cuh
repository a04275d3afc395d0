// sumSquares on a GPU: each block sums its pieces in double precision, then one block adds the blocks' sums in order.
// The number of blocks follows from the shape.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(sumSquares, 256) {
  const auto op = operandsOf<SumSquares>(arguments);
  __shared__ double partial[256 / warpLanes];
  auto* sums = reinterpret_cast<double*>(arguments.scratch);
  double sum = 0;
  forElements(op.x, [&](int64_t r, int64_t c) {
    const auto x = static_cast<double>(elementOf(op.x, r, c));
    sum += x * x;
  });
  sum = blockSum(sum, partial);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

LUTHIER_KERNEL(sumSquaresTotal, 32) {
  const auto op = operandsOf<SumSquares>(arguments);
  const auto* sums = reinterpret_cast<const double*>(arguments.scratch);
  if (threadIdx.x != 0) return;
  double total = *op.total.row<double>(0);
  for (int32_t block = 0; block < arguments.count; ++block) total += sums[block];
  *op.total.row<double>(0) = total;
}

}  // namespace luthier::cuda
