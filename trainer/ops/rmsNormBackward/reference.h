// dx = rstd · (g − h · rstd² · mean(g·h)) + dSum with g = dy·weight; dWeight += Σ_t dy · h · rstd.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void rmsNormBackward(const RmsNormBackward& op) {
  const int64_t d = op.h.cols();
  for (int64_t t = 0; t < op.h.rows(); ++t) {
    const Real rstd = get<Real>(op.rstd, t);
    Real dot = 0;
    for (int64_t c = 0; c < d; ++c) dot += get<Real>(op.dy, t, c) * get<Real>(op.weight, c) * get<Real>(op.h, t, c);
    const Real pull = dot / static_cast<Real>(d) * rstd * rstd;
    for (int64_t c = 0; c < d; ++c) {
      const Real dy = get<Real>(op.dy, t, c), h = get<Real>(op.h, t, c);
      if (op.dWeight) accumulate<Real>(*op.dWeight, 0, c, dy * h * rstd);
      const Real dx = rstd * (dy * get<Real>(op.weight, c) - h * pull);
      put<Real>(op.dx, t, c, dx + (op.dSum ? get<Real>(*op.dSum, t, c) : Real(0)));
    }
  }
}

}  // namespace luthier::reference
