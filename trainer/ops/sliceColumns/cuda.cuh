// sliceColumns on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(sliceColumns, 256) {
  const auto op = operandsOf<SliceColumns>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      store(op.y.row<T>(r) + c, load(op.x.row<T>(r) + op.before + c));
    });
  });
}

}  // namespace luthier::cuda
