// adamw8 on a GPU: a block of threads for each block of 256 moments, a thread an element.
#pragma once

#include "../../native/cuda/device.h"
#include "../../native/runtime/dynamicMap.h"

namespace luthier::cuda {

// Writes a value of each thread as a code, with the block's scale.
__device__ __forceinline__ void quantizeBlock(float value, bool inside, const float* map, uint8_t* codes, float* scale, float* partial) {
  const float largest = blockMaximum(inside ? fabsf(value) : 0.0f, partial);
  if (threadIdx.x == 0) *scale = largest;
  if (inside) codes[threadIdx.x] = largest > 0.0f ? dynamicCode(map, value / largest) : uint8_t{0};
}

LUTHIER_KERNEL(adamw8, dynamicBlock) {
  const auto op = operandsOf<Adamw8>(arguments);
  __shared__ float partial[dynamicBlock / warpLanes];
  const float *signedMap = arguments.dynamicMaps, *unsignedMap = arguments.dynamicMaps + dynamicCodes, *hyper = op.hyper.row<float>(0);
  const float rate = hyper[0] * op.learningRateScale, stepSize = rate / hyper[1], root2 = hyper[2], factor = *op.factor.row<float>(0);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * dynamicBlock, e = first + threadIdx.x;
  const bool inside = e < op.theta.count();
  float *mScale = op.mScale.row<float>(0) + blockIdx.x, *vScale = op.vScale.row<float>(0) + blockIdx.x;
  float m = 0, v = 0;
  if (inside) {
    float* theta = op.theta.row<float>(0) + e;
    const float g = op.grad.row<float>(0)[e] * factor;
    m = signedMap[op.m.data[e]] * *mScale * op.beta1 + op.oneMinusBeta1 * g;
    v = unsignedMap[op.v.data[e]] * *vScale * op.beta2 + op.oneMinusBeta2 * g * g;
    *theta = *theta * (1.0f - rate * op.weightDecay) - stepSize * (m / (sqrtf(v) / root2 + op.eps));
  }
  // The barriers of blockMaximum come between the last read of a scale and its write.
  quantizeBlock(m, inside, signedMap, op.m.data + first, mScale, partial);
  quantizeBlock(v, inside, unsignedMap, op.v.data + first, vScale, partial);
}

}  // namespace luthier::cuda
