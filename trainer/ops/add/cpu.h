// add on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void add(const Add& op, Workers& workers) {
  withType(op.y.dtype, [&]<class T>(T) {
    forRows(workers, op.y, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        forLanes(op.y.cols(), [&](int64_t c, auto n) {
          store(op.y.row<T>(r) + c, load(op.a.row<T>(r) + c, n) + load(op.b.row<T>(r) + c, n), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
