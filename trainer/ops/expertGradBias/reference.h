// dBias[e] += scale · Σ dy over the rows of expert e.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void expertGradBias(const ExpertGradBias& op) {
  for (int32_t e = 0; e < op.experts; ++e) {
    for (int64_t o = 0; o < op.dy.cols(); ++o) {
      Real sum = 0;
      for (int64_t p = integerAt(op.starts, e); p < integerAt(op.starts, e + 1); ++p) sum += get<Real>(op.dy, p, o);
      accumulate<Real>(op.dBias, e, o, static_cast<Real>(op.scale) * sum);
    }
  }
}

}  // namespace luthier::reference
