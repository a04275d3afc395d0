// reluBackward on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void reluBackward(const ReluBackward& op, Workers& workers) {
  forRows(workers, op.dx, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.dx.cols(), [&](int64_t c, auto n) {
        storeAny(op.dx, r, c, whereLess(zero(), loadAny(op.y, r, c, n), loadAny(op.dy, r, c, n), zero()), n);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
