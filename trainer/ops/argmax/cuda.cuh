// argmax on a GPU: a block a row; of equal values the first, and NaN only where all are.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

struct Candidate {
  float value;
  int32_t index;
};

__device__ __forceinline__ Candidate better(const Candidate& a, const Candidate& b) {
  if (isnan(a.value) != isnan(b.value)) return isnan(a.value) ? b : a;
  if (a.value > b.value) return a;
  if (b.value > a.value) return b;
  return a.index < b.index ? a : b;
}

LUTHIER_KERNEL(argmax, 256) {
  const auto op = operandsOf<Argmax>(arguments);
  __shared__ Candidate partial[256 / warpLanes];
  const int64_t r = blockIdx.x;
  Candidate best{NAN, 0x7fffffff};
  for (int64_t c = threadIdx.x; c < op.x.cols(); c += blockDim.x) best = better(best, {elementOf(op.x, r, c), static_cast<int32_t>(c)});
#pragma unroll
  for (uint32_t step = warpLanes / 2; step > 0; step /= 2) {
    best = better(best, {__shfl_xor_sync(0xffffffffu, best.value, step), __shfl_xor_sync(0xffffffffu, best.index, step)});
  }
  if (threadIdx.x % warpLanes == 0) partial[threadIdx.x / warpLanes] = best;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (uint32_t w = 1; w < 256 / warpLanes; ++w) best = better(best, partial[w]);
  op.index.row<int32_t>(0)[r] = best.index;
}

}  // namespace luthier::cuda
