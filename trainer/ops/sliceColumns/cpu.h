// sliceColumns on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void sliceColumns(const SliceColumns& op, Workers& workers) {
  const int64_t size = bytesOf(op.y.dtype);
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const uint8_t* from = op.x.data + (r * op.x.stride + op.before) * size;
      __builtin_memcpy(op.y.data + r * op.y.stride * size, from, static_cast<size_t>(op.width * size));
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
