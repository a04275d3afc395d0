// rope on a GPU: a thread a pair of columns, or a column that is not rotated; y may be x.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(rope, 256) {
  const auto op = operandsOf<Rope>(arguments);
  const int64_t rotary = op.rotary > 0 ? min(op.rotary, op.headDim) : op.headDim, half = rotary / 2;
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.x, [&](int64_t t, int64_t c) {
      const int64_t i = c % op.headDim;
      const T* x = op.x.row<T>(t) + c;
      T* y = op.y.row<T>(t) + c;
      if (i >= rotary) return store(y, load(x));
      if (i >= half) return;  // the pair's first thread writes both
      const float a = load(x), b = load(x + half), cos = elementOf(op.cos, t, i), sin = static_cast<float>(op.sign) * elementOf(op.sin, t, i);
      store(y, a * cos - b * sin);
      store(y + half, b * cos + a * sin);
    });
  });
}

}  // namespace luthier::cuda
