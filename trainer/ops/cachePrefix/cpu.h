// cachePrefix on the CPU: one task per slot.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void cachePrefix(const CachePrefix& op, Workers& workers) {
  const int64_t size = bytesOf(op.prefixK.dtype);
  const auto rowBytes = static_cast<size_t>(op.prefixK.cols() * size);
  forTasks(workers, op.cacheK.dims[0], [&](int64_t slot, int32_t) {
    for (int64_t row = 0; row < op.prefixK.rows(); ++row) {
      const int64_t to = slot * op.cacheK.dims[1] + row;
      __builtin_memcpy(op.cacheK.data + to * op.cacheK.stride * size, op.prefixK.data + row * op.prefixK.stride * size, rowBytes);
      __builtin_memcpy(op.cacheV.data + to * op.cacheV.stride * size, op.prefixV.data + row * op.prefixV.stride * size, rowBytes);
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
