// dSinks[h] −= scale · Σ exp(sinks[h] − lse[t, h]) · (dO[t, h]·o[t, h]) over the rows t.
#pragma once

#include <cmath>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void sinkGradient(const SinkGradient& op) {
  const int64_t D = op.headDim;
  for (int64_t head = 0; head < op.heads; ++head) {
    Real sum = 0;
    for (int64_t t = 0; t < op.o.rows(); ++t) {
      Real delta = 0;
      for (int64_t i = head * D; i < (head + 1) * D; ++i) delta += get<Real>(op.dO, t, i) * get<Real>(op.o, t, i);
      sum -= std::exp(get<Real>(op.sinks, head) - get<Real>(op.lse, t, head)) * delta;
    }
    accumulate<Real>(op.dSinks, 0, head, static_cast<Real>(op.scale) * sum);
  }
}

}  // namespace luthier::reference
