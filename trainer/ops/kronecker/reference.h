// y[t, (i,j)] = scale · Σ a[i,c]·b[j,d]·x[t, (c,d)] + residual.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void kronecker(const Kronecker& op) {
  const int64_t m = op.a.cols(), k = op.b.rows(), n = op.b.cols();
  for (int64_t t = 0; t < op.x.rows(); ++t) {
    for (int64_t i = 0; i < op.a.rows(); ++i) {
      for (int64_t j = 0; j < k; ++j) {
        Real sum = 0;
        for (int64_t c = 0; c < m; ++c) {
          for (int64_t d = 0; d < n; ++d) {
            sum += get<Real>(op.a, i, c) * get<Real>(op.b, j, d) * get<Real>(op.x, t, c * n + d);
          }
        }
        Real y = static_cast<Real>(op.scale) * sum;
        if (op.residual) y += get<Real>(*op.residual, t, i * k + j);
        put<Real>(op.y, t, i * k + j, y);
      }
    }
  }
}

}  // namespace luthier::reference
