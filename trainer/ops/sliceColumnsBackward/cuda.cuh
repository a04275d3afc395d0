// sliceColumnsBackward on a GPU: a thread an element; dx may be sum.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(sliceColumnsBackward, 256) {
  const auto op = operandsOf<SliceColumnsBackward>(arguments);
  withType(op.dx.dtype, [&]<class T>(T) {
    forElements(op.dx, [&](int64_t r, int64_t c) {
      const bool inside = c >= op.before && c < op.before + op.width;
      const float dy = inside ? load(op.dy.row<T>(r) + c - op.before) : 0.0f;
      store(op.dx.row<T>(r) + c, (op.sum ? load(op.sum->row<T>(r) + c) : 0.0f) + dy);
    });
  });
}

}  // namespace luthier::cuda
