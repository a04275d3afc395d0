// embed on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void embed(const Embed& op, Workers& workers) {
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const int64_t id = indexAt(op.ids, t);
      forLanes(op.y.cols(), [&](int64_t c, auto n) { storeAny(op.y, t, c, loadAny(op.weight, id, c, n), n); });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
