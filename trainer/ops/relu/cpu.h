// relu on the CPU: tasks of whole rows. NaN stays NaN.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void relu(const Relu& op, Workers& workers) {
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.y.cols(), [&](int64_t c, auto n) {
        const F x = loadAny(op.x, r, c, n);
        storeAny(op.y, r, c, whereLess(x, zero(), zero(), x), n);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
