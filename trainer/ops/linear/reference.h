// y = x·Wᵀ + tailScale · tailX·tailWᵀ + bias + residual.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void linear(const Linear& op) {
  const auto dot = [](const Tensor& x, const Tensor& w, int64_t t, int64_t o) {
    Real sum = 0;
    for (int64_t k = 0; k < x.cols(); ++k) sum += get<Real>(x, t, k) * get<Real>(w, o, k);
    return sum;
  };
  for (int64_t t = 0; t < op.y.rows(); ++t) {
    for (int64_t o = 0; o < op.y.cols(); ++o) {
      Real sum = dot(op.x, op.w, t, o);
      if (op.tailX) sum += static_cast<Real>(op.tailScale) * dot(*op.tailX, *op.tailW, t, o);
      if (op.bias) sum += get<Real>(*op.bias, o);
      if (op.residual) sum += get<Real>(*op.residual, t, o);
      put<Real>(op.y, t, o, sum);
    }
  }
}

}  // namespace luthier::reference
