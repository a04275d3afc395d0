// openGates on a GPU: each block sums its gates in double precision, then one block adds the blocks' sums in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// σ(α − shift): the probability that a gate is not 0.
__device__ __forceinline__ float openShare(float alpha, float shift) { return 1.0f / (1.0f + expf(shift - alpha)); }

template <class Op>
__device__ __forceinline__ float groupShare(const Op& op) {
  return op.group ? openShare(elementOf(*op.group, 0, 0), op.shift) : 1.0f;
}

// For all threads of one block: the sum of the blocks' sums in scratch.
__device__ __forceinline__ double sumOfBlocks(const Arguments& arguments) {
  const auto* sums = reinterpret_cast<const double*>(arguments.scratch);
  double total = 0;
  for (int32_t block = 0; block < arguments.count; ++block) total += sums[block];
  return total;
}

LUTHIER_KERNEL(openGates, 256) {
  const auto op = operandsOf<OpenGates>(arguments);
  __shared__ double partial[256 / warpLanes];
  double sum = 0;
  forElements(op.alpha, [&](int64_t r, int64_t c) { sum += static_cast<double>(openShare(elementOf(op.alpha, r, c), op.shift)); });
  sum = blockSum(sum, partial);
  if (threadIdx.x == 0) reinterpret_cast<double*>(arguments.scratch)[blockIdx.x] = sum;
}

LUTHIER_KERNEL(openGatesTotal, 32) {
  const auto op = operandsOf<OpenGates>(arguments);
  if (threadIdx.x == 0) *op.loss.row<double>(0) += static_cast<double>(op.weight * groupShare(op)) * sumOfBlocks(arguments);
}

}  // namespace luthier::cuda
