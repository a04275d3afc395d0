// columnProductsBackward on the CPU: a task a row of da or of db.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void columnProductsBackward(const ColumnProductsBackward& op, Workers& workers) {
  const int64_t r = op.a.rows(), s = op.b.rows();
  forTasks(workers, r + s, [&](int64_t task, int32_t) {
    const bool ofA = task < r;
    const int64_t row = ofA ? task : task - r, terms = ofA ? s : r;
    const Tensor& other = ofA ? op.b : op.a;
    forLanes(op.a.cols(), [&](int64_t c, auto n) {
      F sum = zero();
      for (int64_t k = 0; k < terms; ++k) {
        sum = fma(loadAny(op.dy, ofA ? row * s + k : k * s + row, c, n), loadAny(other, k, c, n), sum);
      }
      storeAny(ofA ? op.da : op.db, row, c, sum, n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
