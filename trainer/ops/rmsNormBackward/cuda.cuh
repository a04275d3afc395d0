// rmsNormBackward on a GPU: the weight's gradient first, a thread a column that takes the rows in order, because dx may be dy;
// then a block a group.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(rmsNormBackwardWeight, 256) {
  const auto op = operandsOf<RmsNormBackward>(arguments);
  const int64_t d = op.weight.cols(), groups = op.h.cols() / d, rows = op.h.rows();
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= d) return;
  withType(op.dy.dtype, [&]<class T>(T) {
    float sum = op.dWeight->row<float>(0)[c];
    for (int64_t t = 0; t < rows; ++t) {
      for (int64_t g = 0; g < groups; ++g) {
        const float rstd = op.rstd.row<float>(0)[t * groups + g];
        sum += load(op.dy.row<T>(t) + g * d + c) * load(op.h.row<T>(t) + g * d + c) * rstd;
      }
    }
    op.dWeight->row<float>(0)[c] = sum;
  });
}

LUTHIER_KERNEL(rmsNormBackward, 256) {
  const auto op = operandsOf<RmsNormBackward>(arguments);
  __shared__ float partial[256 / warpLanes];
  const int64_t d = op.weight.cols(), groups = op.h.cols() / d;
  const int64_t t = blockIdx.x / groups, first = blockIdx.x % groups * d;
  withType(op.dy.dtype, [&]<class T>(T) {
    const T* dy = op.dy.row<T>(t) + first;
    const T* h = op.h.row<T>(t) + first;
    const T* dSum = op.dSum ? op.dSum->row<T>(t) + first : nullptr;
    T* dx = op.dx.row<T>(t) + first;
    const auto weight = [&](int64_t c) { return elementOf(op.weight, 0, c) + op.offset; };
    float dot = 0;
    for (int64_t c = threadIdx.x; c < d; c += blockDim.x) dot = fmaf(load(dy + c) * weight(c), load(h + c), dot);
    const float rstd = op.rstd.row<float>(0)[blockIdx.x];
    const float pull = blockSum(dot, partial) / static_cast<float>(d) * rstd * rstd;
    for (int64_t c = threadIdx.x; c < d; c += blockDim.x) {
      const float value = rstd * (load(dy + c) * weight(c) - load(h + c) * pull);
      store(dx + c, value + (dSum ? load(dSum + c) : 0.0f));
    }
  });
}

}  // namespace luthier::cuda
