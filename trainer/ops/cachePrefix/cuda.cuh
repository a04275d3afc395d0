// cachePrefix on a GPU: a thread an element of the prefix, which writes it to every slot.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(cachePrefix, 256) {
  const auto op = operandsOf<CachePrefix>(arguments);
  withType(op.prefixK.dtype, [&]<class T>(T) {
    forElements(op.prefixK, [&](int64_t row, int64_t c) {
      for (int64_t slot = 0; slot < op.cacheK.dims[0]; ++slot) {
        const int64_t to = slot * op.cacheK.dims[1] + row;
        op.cacheK.row<T>(to)[c] = op.prefixK.row<T>(row)[c];
        op.cacheV.row<T>(to)[c] = op.prefixV.row<T>(row)[c];
      }
    });
  });
}

}  // namespace luthier::cuda
