// inverseRowNorm on a GPU: a block a row of the weight.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(inverseRowNorm, 256) {
  const auto op = operandsOf<InverseRowNorm>(arguments);
  __shared__ float partial[256 / warpLanes];
  const Factor w{op.w, false, arguments.dynamicMaps};
  const int64_t o = blockIdx.x;
  float squares = 0;
  for (int64_t i = threadIdx.x; i < op.w.cols(); i += blockDim.x) {
    float product = 0;
    for (int64_t k = 0; k < op.a.rows(); ++k) product = fmaf(elementOf(op.b, o, k), elementOf(op.a, k, i), product);
    const float value = w(o, i) + op.scale * product;
    squares = fmaf(value, value, squares);
  }
  squares = blockSum(squares, partial);
  if (threadIdx.x == 0) op.inverse.row<float>(0)[o] = 1.0f / sqrtf(squares);
}

}  // namespace luthier::cuda
