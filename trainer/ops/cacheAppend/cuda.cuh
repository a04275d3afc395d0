// cacheAppend on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(cacheAppend, 256) {
  const auto op = operandsOf<CacheAppend>(arguments);
  withType(op.k.dtype, [&]<class T>(T) {
    forElements(op.k, [&](int64_t t, int64_t c) {
      const int64_t slot = op.slot.row<int32_t>(0)[t];
      if (slot < 0) return;
      const int64_t to = slot * op.cacheK.dims[1] + op.position.row<int32_t>(0)[t];
      op.cacheK.row<T>(to)[c] = op.k.row<T>(t)[c];
      op.cacheV.row<T>(to)[c] = op.v.row<T>(t)[c];
    });
  });
}

}  // namespace luthier::cuda
