// rmsNorm on a GPU: a block a group, of which each thread keeps to its own columns; y may be x.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(rmsNorm, 256) {
  const auto op = operandsOf<RmsNorm>(arguments);
  __shared__ float partial[256 / warpLanes];
  const int64_t d = op.weight.cols(), groups = op.x.cols() / d;
  const int64_t t = blockIdx.x / groups, first = blockIdx.x % groups * d;
  withType(op.x.dtype, [&]<class T>(T) {
    const T* x = op.x.row<T>(t) + first;
    const T* residual = op.residual ? op.residual->row<T>(t) + first : nullptr;
    T* sum = op.sum ? op.sum->row<T>(t) + first : nullptr;
    T* y = op.y.row<T>(t) + first;
    const auto h = [&](int64_t c) { return residual ? load(x + c) + load(residual + c) : load(x + c); };
    float squares = 0;
    for (int64_t c = threadIdx.x; c < d; c += blockDim.x) {
      float value = h(c);
      if (sum) {  // as stored: the second pass and the backward pass see what this one sees
        store(sum + c, value);
        value = load(sum + c);
      }
      squares = fmaf(value, value, squares);
    }
    const float rstd = 1.0f / sqrtf(blockSum(squares, partial) / static_cast<float>(d) + op.eps);
    if (threadIdx.x == 0) op.rstd.row<float>(0)[t * groups + blockIdx.x % groups] = rstd;
    for (int64_t c = threadIdx.x; c < d; c += blockDim.x) {
      const float value = sum ? load(sum + c) : h(c);
      store(y + c, value * rstd * (elementOf(op.weight, 0, c) + op.offset));
    }
  });
}

}  // namespace luthier::cuda
