// add on a GPU: a thread an element; y may be a or b.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(add, 256) {
  const auto op = operandsOf<Add>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      store(op.y.row<T>(r) + c, load(op.a.row<T>(r) + c) + load(op.b.row<T>(r) + c));
    });
  });
}

}  // namespace luthier::cuda
