// dX += weight · 2·(G − I)·x/‖G − I‖.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../orthogonality/reference.h"

namespace luthier::reference {

template <class Real>
void orthogonalityBackward(const OrthogonalityBackward& op) {
  const bool columns = op.columns != 0;
  const std::vector<Real> gram = gramMinusOne<Real>(op.x, columns);
  const Real norm = normOf(gram);
  if (norm == Real(0)) return;
  const int64_t r = columns ? op.x.cols() : op.x.rows();
  for (int64_t i = 0; i < op.x.rows(); ++i) {
    for (int64_t j = 0; j < op.x.cols(); ++j) {
      Real sum = 0;
      for (int64_t k = 0; k < r; ++k) {
        sum += columns ? get<Real>(op.x, i, k) * gram[k * r + j] : gram[i * r + k] * get<Real>(op.x, k, j);
      }
      accumulate<Real>(op.dX, i, j, static_cast<Real>(op.weight) * 2 * sum / norm);
    }
  }
}

}  // namespace luthier::reference
