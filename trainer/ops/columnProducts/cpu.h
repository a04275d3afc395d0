// columnProducts on the CPU: tasks of whole rows of y.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void columnProducts(const ColumnProducts& op, Workers& workers) {
  const int64_t s = op.b.rows();
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      forLanes(op.y.cols(), [&](int64_t c, auto n) {
        storeAny(op.y, row, c, loadAny(op.a, row / s, c, n) * loadAny(op.b, row % s, c, n), n);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
