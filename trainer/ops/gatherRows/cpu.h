// gatherRows on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void gatherRows(const GatherRows& op, Workers& workers) {
  const auto rowBytes = static_cast<size_t>(op.y.cols() * bytesOf(op.y.dtype));
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const int64_t from = indexAt(op.index, r);
      uint8_t* y = op.y.data + r * op.y.stride * bytesOf(op.y.dtype);
      if (from < 0) __builtin_memset(y, 0, rowBytes);
      else __builtin_memcpy(y, op.x.data + from * op.x.stride * bytesOf(op.x.dtype), rowBytes);
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
