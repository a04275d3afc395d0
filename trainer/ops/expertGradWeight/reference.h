// dW_e += scale · dyᵀ·x over the rows of expert e.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void expertGradWeight(const ExpertGradWeight& op) {
  for (int32_t e = 0; e < op.experts; ++e) {
    for (int64_t o = 0; o < op.dy.cols(); ++o) {
      for (int64_t i = 0; i < op.x.cols(); ++i) {
        Real sum = 0;
        for (int64_t p = integerAt(op.starts, e); p < integerAt(op.starts, e + 1); ++p) {
          sum += get<Real>(op.dy, p, o) * get<Real>(op.x, p, i);
        }
        accumulate<Real>(op.dW[e], o, i, static_cast<Real>(op.scale) * sum);
      }
    }
  }
}

}  // namespace luthier::reference
