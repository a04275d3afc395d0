// hardConcreteBackward on a GPU: a thread an element; each block sums its part of the group's gradient, then one block adds the
// blocks' sums in order. The number of blocks follows from the shape.
#pragma once

#include "../hardConcrete/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(hardConcreteBackward, 256) {
  const auto op = operandsOf<HardConcreteBackward>(arguments);
  __shared__ double partial[256 / warpLanes];
  auto* sums = reinterpret_cast<double*>(arguments.scratch);
  const float group = groupGate(op).z;
  double sum = 0;
  forElements(op.w, [&](int64_t r, int64_t c) {
    const Gate gate = gateAt(op, r, c);
    const float w = elementOf(op.w, r, c), dY = elementOf(op.dY, r, c);
    op.dW.row<float>(r)[c] += gate.z * group * dY;
    op.dAlpha.row<float>(r)[c] += gate.slope * group * (w * dY);
    sum += static_cast<double>(gate.z * (w * dY));
  });
  sum = blockSum(sum, partial);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

LUTHIER_KERNEL(hardConcreteBackwardGroup, 32) {
  const auto op = operandsOf<HardConcreteBackward>(arguments);
  const auto* sums = reinterpret_cast<const double*>(arguments.scratch);
  if (threadIdx.x != 0 || !op.dGroup) return;
  double total = 0;
  for (int32_t block = 0; block < arguments.count; ++block) total += sums[block];
  *op.dGroup->row<float>(0) += groupGate(op).slope * static_cast<float>(total);
}

}  // namespace luthier::cuda
