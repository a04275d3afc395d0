// y[i·s + j, c] = a[i, c] · b[j, c].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void columnProducts(const ColumnProducts& op) {
  const int64_t s = op.b.rows();
  for (int64_t i = 0; i < op.a.rows(); ++i) {
    for (int64_t j = 0; j < s; ++j) {
      for (int64_t c = 0; c < op.a.cols(); ++c) {
        put<Real>(op.y, i * s + j, c, get<Real>(op.a, i, c) * get<Real>(op.b, j, c));
      }
    }
  }
}

}  // namespace luthier::reference
