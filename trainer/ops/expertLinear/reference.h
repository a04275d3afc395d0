// y[p] = x[p]·w_eᵀ + tailX[p]·tailW_eᵀ + bias[e].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void expertLinear(const ExpertLinear& op) {
  const auto dot = [](const Tensor& x, const Tensor& w, int64_t p, int64_t o) {
    Real sum = 0;
    for (int64_t k = 0; k < x.cols(); ++k) sum += get<Real>(x, p, k) * get<Real>(w, o, k);
    return sum;
  };
  for (int32_t e = 0; e < op.experts; ++e) {
    for (int64_t p = integerAt(op.starts, e); p < integerAt(op.starts, e + 1); ++p) {
      for (int64_t o = 0; o < op.y.cols(); ++o) {
        Real sum = dot(op.x, op.w[e], p, o);
        if (op.tailX) sum += dot(*op.tailX, op.tailW[e], p, o);
        if (op.bias) sum += get<Real>(*op.bias, e, o);
        put<Real>(op.y, p, o, sum);
      }
    }
  }
}

}  // namespace luthier::reference
