// embedBackward on the CPU: a task owns 64 columns and walks the tokens in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void embedBackward(const EmbedBackward& op, Workers& workers) {
  forPieces(workers, op.dy.cols(), 64, [&](int64_t first, int64_t last) {
    for (int64_t t = 0; t < op.dy.rows(); ++t) {
      float* sum = op.dWeight.row<float>(indexAt(op.ids, t)) + first;
      forLanes(last - first, [&](int64_t c, auto n) { store(sum + c, load(sum + c, n) + loadAny(op.dy, t, first + c, n), n); });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
