// cacheK[slot, i] = prefixK[i] for every slot, cacheV alike.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void cachePrefix(const CachePrefix& op) {
  for (int64_t slot = 0; slot < op.cacheK.dims[0]; ++slot) {
    for (int64_t row = 0; row < op.prefixK.rows(); ++row) {
      const int64_t to = slot * op.cacheK.dims[1] + row;
      for (int64_t c = 0; c < op.prefixK.cols(); ++c) {
        put<Real>(op.cacheK, to, c, get<Real>(op.prefixK, row, c));
        put<Real>(op.cacheV, to, c, get<Real>(op.prefixV, row, c));
      }
    }
  }
}

}  // namespace luthier::reference
