// orthogonalityBackward on the CPU: G as in orthogonality, then one task per row of dX.
#pragma once

#include "../../native/generated/ops.h"
#include "../orthogonality/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void orthogonalityBackward(const OrthogonalityBackward& op, Workers& workers) {
  const bool columns = op.columns != 0;
  const Gram gram = gramOf(op.x, columns, workers);
  if (gram.norm == 0) return;
  const F scale = all(static_cast<float>(2.0 * static_cast<double>(op.weight) / gram.norm));
  forTasks(workers, op.x.rows(), [&](int64_t row, int32_t) {
    float* dX = op.dX.row<float>(row);
    forLanes(op.x.cols(), [&](int64_t c, auto n) {
      F sum = zero();
      for (int64_t k = 0; k < gram.size; ++k) {
        if (columns) sum = fma(all(elementOf(op.x, row, k)), load(gram.values + k * gram.size + c, n), sum);
        else sum = fma(all(gram.values[row * gram.size + k]), loadAny(op.x, k, c, n), sum);
      }
      store(dX + c, load(dX + c, n) + scale * sum, n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
