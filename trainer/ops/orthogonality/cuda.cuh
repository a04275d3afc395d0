// orthogonality on a GPU: the Gram matrix in scratch (pass 0), then its norm by one block.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// G − I of x·xᵀ, or of xᵀ·x, row-major in scratch.
template <class Op>
__device__ __forceinline__ void gramMinusOne(const Op& op, float* gram) {
  const bool columns = op.columns != 0;
  const int64_t r = columns ? op.x.cols() : op.x.rows(), depth = columns ? op.x.rows() : op.x.cols(), threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t e = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; e < r * r; e += threads) {
    const int64_t i = e / r, j = e % r;
    float sum = i == j ? -1.0f : 0.0f;
    for (int64_t k = 0; k < depth; ++k) {
      const float a = columns ? elementOf(op.x, k, i) : elementOf(op.x, i, k), b = columns ? elementOf(op.x, k, j) : elementOf(op.x, j, k);
      sum = fmaf(a, b, sum);
    }
    gram[e] = sum;
  }
}

// ‖G − I‖, for all threads of a block.
template <class Op>
__device__ __forceinline__ float gramNorm(const Op& op, const float* gram, float* partial) {
  const int64_t r = op.columns != 0 ? op.x.cols() : op.x.rows();
  float squares = 0;
  for (int64_t e = threadIdx.x; e < r * r; e += blockDim.x) squares = fmaf(gram[e], gram[e], squares);
  return sqrtf(blockSum(squares, partial));
}

LUTHIER_KERNEL(orthogonality, 256) {
  const auto op = operandsOf<Orthogonality>(arguments);
  __shared__ float partial[256 / warpLanes];
  auto* gram = reinterpret_cast<float*>(arguments.scratch);
  if (arguments.pass == 0) return gramMinusOne(op, gram);
  const float norm = gramNorm(op, gram, partial);
  if (threadIdx.x == 0) *op.loss.row<double>(0) += static_cast<double>(op.weight * norm);
}

}  // namespace luthier::cuda
