// dy[p] = weights[order[p]] · dz[order[p] / topK], dWeights[order[p]] = dz[order[p] / topK] · y[p].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void mixExpertsBackward(const MixExpertsBackward& op) {
  for (int64_t p = 0; p < op.dy.rows(); ++p) {
    const int64_t choice = integerAt(op.order, p), t = choice / op.topK, j = choice % op.topK;
    Real sum = 0;
    for (int64_t c = 0; c < op.dy.cols(); ++c) {
      sum += get<Real>(op.dz, t, c) * get<Real>(op.y, p, c);
      put<Real>(op.dy, p, c, get<Real>(op.weights, t, j) * get<Real>(op.dz, t, c));
    }
    put<Real>(op.dWeights, t, j, sum);
  }
}

}  // namespace luthier::reference
