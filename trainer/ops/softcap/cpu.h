// softcap on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void softcap(const Softcap& op, Workers& workers) {
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.y.cols(), [&](int64_t c, auto n) {
        storeAny(op.y, r, c, all(op.cap) * hyperbolicTangent(loadAny(op.x, r, c, n) / all(op.cap)), n);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
