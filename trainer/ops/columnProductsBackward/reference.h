// da[i, c] = Σⱼ dy[i·s + j, c]·b[j, c]; db[j, c] = Σᵢ dy[i·s + j, c]·a[i, c].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void columnProductsBackward(const ColumnProductsBackward& op) {
  const int64_t r = op.a.rows(), s = op.b.rows();
  for (int64_t c = 0; c < op.a.cols(); ++c) {
    for (int64_t i = 0; i < r; ++i) {
      Real sum = 0;
      for (int64_t j = 0; j < s; ++j) sum += get<Real>(op.dy, i * s + j, c) * get<Real>(op.b, j, c);
      put<Real>(op.da, i, c, sum);
    }
    for (int64_t j = 0; j < s; ++j) {
      Real sum = 0;
      for (int64_t i = 0; i < r; ++i) sum += get<Real>(op.dy, i * s + j, c) * get<Real>(op.a, i, c);
      put<Real>(op.db, j, c, sum);
    }
  }
}

}  // namespace luthier::reference
