// openGatesBackward on a GPU: as openGates.
#pragma once

#include "../openGates/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(openGatesBackward, 256) {
  const auto op = operandsOf<OpenGatesBackward>(arguments);
  __shared__ double partial[256 / warpLanes];
  const float factor = op.weight * groupShare(op);
  double sum = 0;
  forElements(op.alpha, [&](int64_t r, int64_t c) {
    const float p = openShare(elementOf(op.alpha, r, c), op.shift);
    op.dAlpha.row<float>(r)[c] += factor * (p * (1.0f - p));
    sum += static_cast<double>(p);
  });
  sum = blockSum(sum, partial);
  if (threadIdx.x == 0) reinterpret_cast<double*>(arguments.scratch)[blockIdx.x] = sum;
}

LUTHIER_KERNEL(openGatesBackwardGroup, 32) {
  const auto op = operandsOf<OpenGatesBackward>(arguments);
  if (threadIdx.x != 0 || !op.dGroup) return;
  const float q = groupShare(op);
  *op.dGroup->row<float>(0) += op.weight * q * (1.0f - q) * static_cast<float>(sumOfBlocks(arguments));
}

}  // namespace luthier::cuda
