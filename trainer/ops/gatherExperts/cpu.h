// gatherExperts on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void gatherExperts(const GatherExperts& op, Workers& workers) {
  const int64_t size = bytesOf(op.y.dtype);
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      const int64_t t = indexAt(op.order, p) / op.topK;
      __builtin_memcpy(op.y.data + p * op.y.stride * size, op.x.data + t * op.x.stride * size, static_cast<size_t>(op.y.cols() * size));
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
