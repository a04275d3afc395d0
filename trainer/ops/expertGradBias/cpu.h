// expertGradBias on the CPU: a task is an expert, whose rows are summed in order.
#pragma once

#include "../expertLinear/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void expertGradBias(const ExpertGradBias& op, Workers& workers) {
  forTasks(workers, op.experts, [&](int64_t e, int32_t) {
    const int64_t first = indexAt(op.starts, e), last = indexAt(op.starts, e + 1);
    float* dBias = op.dBias.row<float>(e);
    forLanes(op.dy.cols(), [&](int64_t c, auto n) {
      F sum = zero();
      for (int64_t p = first; p < last; ++p) sum = sum + loadAny(op.dy, p, c, n);
      store(dBias + c, load(dBias + c, n) + all(op.scale) * sum, n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
