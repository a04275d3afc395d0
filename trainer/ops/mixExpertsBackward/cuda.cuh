// mixExpertsBackward on a GPU: a block a row.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(mixExpertsBackward, 128) {
  __shared__ float partial[128 / warpLanes];
  const auto op = operandsOf<MixExpertsBackward>(arguments);
  const int64_t p = blockIdx.x, choice = op.order.row<int32_t>(0)[p], t = choice / op.topK, j = choice % op.topK;
  const float weight = op.weights.row<float>(t)[j];
  withType(op.dy.dtype, [&]<class T>(T) {
    float sum = 0;
    for (int64_t c = threadIdx.x; c < op.dy.cols(); c += blockDim.x) {
      const float dz = load(op.dz.row<T>(t) + c);
      sum += dz * load(op.y.row<T>(p) + c);
      store(op.dy.row<T>(p) + c, weight * dz);
    }
    sum = blockSum(sum, partial);
    if (threadIdx.x == 0) op.dWeights.row<float>(t)[j] = sum;
  });
}

}  // namespace luthier::cuda
