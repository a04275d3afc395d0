// cacheAppend on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void cacheAppend(const CacheAppend& op, Workers& workers) {
  const int64_t size = bytesOf(op.k.dtype), capacity = op.cacheK.dims[1];
  const auto rowBytes = static_cast<size_t>(op.k.cols() * size);
  forRows(workers, op.k, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const int64_t slot = indexAt(op.slot, t);
      if (slot < 0) continue;
      const int64_t to = slot * capacity + indexAt(op.position, t);
      __builtin_memcpy(op.cacheK.data + to * op.cacheK.stride * size, op.k.data + t * op.k.stride * size, rowBytes);
      __builtin_memcpy(op.cacheV.data + to * op.cacheV.stride * size, op.v.data + t * op.v.stride * size, rowBytes);
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
