// h = x + residual (as stored, when it is stored); y = h · rstd · (weight + offset), rstd = 1/√(mean h² + eps); of each group of
// weight's width in a row by itself.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void rmsNorm(const RmsNorm& op) {
  const int64_t d = op.weight.cols(), groups = op.x.cols() / d;
  const auto h = [&](int64_t t, int64_t c) {
    const Real sum = get<Real>(op.x, t, c) + (op.residual ? get<Real>(*op.residual, t, c) : Real(0));
    return op.sum ? rounded<Real>(*op.sum, sum) : sum;
  };
  for (int64_t i = 0; i < op.x.rows() * groups; ++i) {
    const int64_t t = i / groups, first = i % groups * d;
    Real squares = 0;
    for (int64_t c = first; c < first + d; ++c) squares += h(t, c) * h(t, c);
    const Real rstd = Real(1) / std::sqrt(squares / static_cast<Real>(d) + static_cast<Real>(op.eps));
    put<Real>(op.rstd, i, rstd);
    for (int64_t c = first; c < first + d; ++c) {
      const Real value = h(t, c);  // before y is written: y may be x
      put<Real>(op.y, t, c, value * rstd * (get<Real>(op.weight, c - first) + static_cast<Real>(op.offset)));
      if (op.sum) put<Real>(*op.sum, t, c, value);
    }
  }
}

}  // namespace luthier::reference
