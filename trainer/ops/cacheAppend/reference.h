// cacheK[slot[t]][position[t]] = k[t], cacheV alike; slot −1 is skipped.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void cacheAppend(const CacheAppend& op) {
  const int64_t capacity = op.cacheK.dims[1];
  for (int64_t t = 0; t < op.k.rows(); ++t) {
    const int64_t slot = integerAt(op.slot, t);
    if (slot < 0) continue;
    const int64_t to = slot * capacity + integerAt(op.position, t);
    for (int64_t c = 0; c < op.k.cols(); ++c) {
      put<Real>(op.cacheK, to, c, get<Real>(op.k, t, c));
      put<Real>(op.cacheV, to, c, get<Real>(op.v, t, c));
    }
  }
}

}  // namespace luthier::reference
