// clampedGluBackward on a GPU: a thread a pair of columns; dx may be x.
#pragma once

#include "../../native/cuda/device.h"
#include "../clampedGlu/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(clampedGluBackward, 256) {
  const auto op = operandsOf<ClampedGluBackward>(arguments);
  withType(op.dy.dtype, [&]<class T>(T) {
    forElements(op.dy, [&](int64_t r, int64_t c) {
      const T* pair = op.x.row<T>(r) + 2 * c;
      const float g = load(pair), u = load(pair + 1), dy = load(op.dy.row<T>(r) + c);
      const ClampedPair p = clampedPair(g, u, op.alpha, op.limit);
      const float slope = p.sigmoid * (1.0f + op.alpha * p.gate * (1.0f - p.sigmoid));
      T* out = op.dx.row<T>(r) + 2 * c;
      store(out, g > op.limit ? 0.0f : dy * (p.up + 1.0f) * slope);
      store(out + 1, u > op.limit || u < -op.limit ? 0.0f : dy * p.gate * p.sigmoid);
    });
  });
}

}  // namespace luthier::cuda
