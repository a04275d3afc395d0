// clampedGlu on a GPU: a thread an element of the result.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// A pair of columns: g at most limit, u within ±limit, and σ(alpha·g).
struct ClampedPair {
  float gate, up, sigmoid;
};

__device__ __forceinline__ ClampedPair clampedPair(float g, float u, float alpha, float limit) {
  const float gate = fminf(g, limit);
  return {gate, fminf(fmaxf(u, -limit), limit), 1.0f / (1.0f + expf(-alpha * gate))};
}

LUTHIER_KERNEL(clampedGlu, 256) {
  const auto op = operandsOf<ClampedGlu>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      const T* pair = op.x.row<T>(r) + 2 * c;
      const ClampedPair p = clampedPair(load(pair), load(pair + 1), op.alpha, op.limit);
      store(op.y.row<T>(r) + c, p.gate * p.sigmoid * (p.up + 1.0f));
    });
  });
}

}  // namespace luthier::cuda
