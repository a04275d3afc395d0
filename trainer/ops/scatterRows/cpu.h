// scatterRows on the CPU: zeros first, then tasks of whole rows; indices are distinct, so tasks do not meet.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void scatterRows(const ScatterRows& op, Workers& workers) {
  const int64_t size = bytesOf(op.dx.dtype);
  const auto rowBytes = static_cast<size_t>(op.dx.cols() * size);
  forRows(workers, op.dx, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) __builtin_memset(op.dx.data + t * op.dx.stride * size, 0, rowBytes);
  });
  forRows(workers, op.dy, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const int64_t to = indexAt(op.index, r);
      if (to < 0) continue;
      __builtin_memcpy(op.dx.data + to * op.dx.stride * size, op.dy.data + r * op.dy.stride * size, rowBytes);
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
