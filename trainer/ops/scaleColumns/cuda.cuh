// scaleColumns on a GPU: a thread an element; y may be x or residual.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(scaleColumns, 256) {
  const auto op = operandsOf<ScaleColumns>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      float y = load(op.x.row<T>(r) + c) * elementOf(op.scale, 0, c);
      if (op.bias) y += elementOf(*op.bias, 0, c);
      if (op.residual) y += load(op.residual->row<T>(r) + c);
      store(op.y.row<T>(r) + c, y);
    });
  });
}

}  // namespace luthier::cuda
