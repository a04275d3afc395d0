// dx = rstd · (g − h · rstd² · mean(g·h)) + dSum with g = dy·(weight + offset); dWeight += Σ dy · h · rstd; the mean is over each
// group of weight's width in a row.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void rmsNormBackward(const RmsNormBackward& op) {
  const int64_t d = op.weight.cols(), groups = op.h.cols() / d;
  const auto weight = [&](int64_t c) { return get<Real>(op.weight, c) + static_cast<Real>(op.offset); };
  for (int64_t i = 0; i < op.h.rows() * groups; ++i) {
    const int64_t t = i / groups, first = i % groups * d;
    const Real rstd = get<Real>(op.rstd, i);
    Real dot = 0;
    for (int64_t c = first; c < first + d; ++c) dot += get<Real>(op.dy, t, c) * weight(c - first) * get<Real>(op.h, t, c);
    const Real pull = dot / static_cast<Real>(d) * rstd * rstd;
    for (int64_t c = first; c < first + d; ++c) {
      const Real dy = get<Real>(op.dy, t, c), h = get<Real>(op.h, t, c);
      if (op.dWeight) accumulate<Real>(*op.dWeight, 0, c - first, dy * h * rstd);
      const Real dx = rstd * (dy * weight(c - first) - h * pull);
      put<Real>(op.dx, t, c, dx + (op.dSum ? get<Real>(*op.dSum, t, c) : Real(0)));
    }
  }
}

}  // namespace luthier::reference
