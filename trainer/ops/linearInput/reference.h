// dx = dy·W + tailScale · tailX·tailW + add.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void linearInput(const LinearInput& op) {
  const auto dot = [](const Tensor& dy, const Tensor& w, int64_t t, int64_t i) {
    Real sum = 0;
    for (int64_t k = 0; k < dy.cols(); ++k) sum += get<Real>(dy, t, k) * get<Real>(w, k, i);
    return sum;
  };
  for (int64_t t = 0; t < op.dx.rows(); ++t) {
    for (int64_t i = 0; i < op.dx.cols(); ++i) {
      Real sum = dot(op.dy, op.w, t, i);
      if (op.tailX) sum += static_cast<Real>(op.tailScale) * dot(*op.tailX, *op.tailW, t, i);
      if (op.add) sum += get<Real>(*op.add, t, i);
      put<Real>(op.dx, t, i, sum);
    }
  }
}

}  // namespace luthier::reference
