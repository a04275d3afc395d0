// sinkGradient on the CPU: a task is a head, whose rows are summed in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void sinkGradient(const SinkGradient& op, Workers& workers) {
  const int64_t D = op.headDim;
  forTasks(workers, op.heads, [&](int64_t head, int32_t) {
    const float sink = elementOf(op.sinks, 0, head);
    double sum = 0;
    for (int64_t t = 0; t < op.o.rows(); ++t) {
      F dots = zero();
      forLanes(D, [&](int64_t i, auto n) { dots = fma(loadAny(op.dO, t, head * D + i, n), loadAny(op.o, t, head * D + i, n), dots); });
      sum -= static_cast<double>(exponentialOf(sink - op.lse.row<float>(t)[head]) * sumOf(dots));
    }
    op.dSinks.row<float>(0)[head] += op.scale * static_cast<float>(sum);
  });
}

}  // namespace luthier::LUTHIER_ISA
