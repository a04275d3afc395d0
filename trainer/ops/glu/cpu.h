// glu on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void glu(const Glu& op, Workers& workers) {
  withType(op.y.dtype, [&]<class T>(T) {
    forRows(workers, op.y, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        const T* gate = op.gate.row<T>(t);
        const T* up = op.up.row<T>(t);
        T* y = op.y.row<T>(t);
        forLanes(op.y.cols(), [&](int64_t c, auto n) {
          const F g = load(gate + c, n);
          store(y + c, g * sigmoid(g) * load(up + c, n), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
