// inverse[o] = 1/‖W[o,:] + scale·(B·A)[o,:]‖.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void inverseRowNorm(const InverseRowNorm& op) {
  for (int64_t o = 0; o < op.w.rows(); ++o) {
    Real squares = 0;
    for (int64_t i = 0; i < op.w.cols(); ++i) {
      Real product = 0;
      for (int64_t k = 0; k < op.a.rows(); ++k) product += get<Real>(op.b, o, k) * get<Real>(op.a, k, i);
      const Real value = get<Real>(op.w, o, i) + static_cast<Real>(op.scale) * product;
      squares += value * value;
    }
    put<Real>(op.inverse, o, Real(1) / std::sqrt(squares));
  }
}

}  // namespace luthier::reference
