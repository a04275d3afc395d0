// scaleColumns on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void scaleColumns(const ScaleColumns& op, Workers& workers) {
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.y.cols(), [&](int64_t c, auto n) {
        F y = loadAny(op.x, r, c, n) * loadAny(op.scale, 0, c, n);
        if (op.bias) y = y + loadAny(*op.bias, 0, c, n);
        if (op.residual) y = y + loadAny(*op.residual, r, c, n);
        storeAny(op.y, r, c, y, n);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
