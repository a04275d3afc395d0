// scatterRows on a GPU: zeros everywhere, then each row in its place (no two have the same).
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(scatterRows, 256) {
  const auto op = operandsOf<ScatterRows>(arguments);
  withType(op.dx.dtype, [&]<class T>(T) {
    if (arguments.pass == 0) return forElements(op.dx, [&](int64_t t, int64_t c) { store(op.dx.row<T>(t) + c, 0.0f); });
    forElements(op.dy, [&](int64_t r, int64_t c) {
      const int32_t to = op.index.row<int32_t>(0)[r];
      if (to >= 0) store(op.dx.row<T>(to) + c, load(op.dy.row<T>(r) + c));
    });
  });
}

}  // namespace luthier::cuda
