// kronecker on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(kronecker, 256) {
  const auto op = operandsOf<Kronecker>(arguments);
  const int64_t m = op.a.cols(), k = op.b.rows(), n = op.b.cols();
  withType(op.x.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t t, int64_t column) {
      const int64_t i = column / k, j = column % k;
      float sum = 0;
      for (int64_t c = 0; c < m; ++c) {
        float inner = 0;
        for (int64_t d = 0; d < n; ++d) inner = fmaf(elementOf(op.b, j, d), load(op.x.row<T>(t) + c * n + d), inner);
        sum = fmaf(elementOf(op.a, i, c), inner, sum);
      }
      const float y = op.scale * sum;
      store(op.y.row<T>(t) + column, op.residual ? y + load(op.residual->row<T>(t) + column) : y);
    });
  });
}

}  // namespace luthier::cuda
