// z[t] = Σ weights[t, j] · y[place[t·topK + j]] + residual[t].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void mixExperts(const MixExperts& op) {
  for (int64_t t = 0; t < op.z.rows(); ++t) {
    for (int64_t c = 0; c < op.z.cols(); ++c) {
      Real sum = 0;
      for (int64_t j = 0; j < op.topK; ++j) {
        const Real value = get<Real>(op.y, integerAt(op.place, t * op.topK + j), c);
        sum += op.weights ? get<Real>(*op.weights, t, j) * value : value;
      }
      if (op.residual) sum += get<Real>(*op.residual, t, c);
      put<Real>(op.z, t, c, sum);
    }
  }
}

}  // namespace luthier::reference
