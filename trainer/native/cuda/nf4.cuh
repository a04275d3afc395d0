// Elements of NF4 weights on the device, restored bit for bit as runtime/nf4.h restores them.
#pragma once

#include "../runtime/nf4.h"
#include "device.h"

namespace luthier::cuda {

__device__ __forceinline__ float nf4ScaleOf(const Tensor& t, int64_t block, const float* dynamicMap) {
  if (!t.nestedAbsmax) return reinterpret_cast<const float*>(t.absmax)[block];
  const auto* nested = reinterpret_cast<const float*>(t.nestedAbsmax);
  const float product = dynamicMap[t.absmax[block]] * nested[block / nf4NestedBlock];  // rounded by itself: no contraction
  return product + nested[nf4NestedBlocks(t)];
}

__device__ __forceinline__ float nf4ValueOf(const Tensor& t, int64_t element, const float* dynamicMap) {
  static constexpr float codes[16] = {nf4Codes[0],  nf4Codes[1],  nf4Codes[2],  nf4Codes[3], nf4Codes[4],  nf4Codes[5],  nf4Codes[6],  nf4Codes[7],
                                      nf4Codes[8],  nf4Codes[9],  nf4Codes[10], nf4Codes[11], nf4Codes[12], nf4Codes[13], nf4Codes[14], nf4Codes[15]};
  const uint8_t pair = t.data[element / 2];
  return codes[element % 2 == 0 ? pair >> 4 : pair & 15] * nf4ScaleOf(t, element / nf4Block, dynamicMap);
}

}  // namespace luthier::cuda
