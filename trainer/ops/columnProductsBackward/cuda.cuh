// columnProductsBackward on a GPU: a thread an element of da (pass 0) or db (pass 1), its sum in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(columnProductsBackward, 256) {
  const auto op = operandsOf<ColumnProductsBackward>(arguments);
  const int64_t r = op.a.rows(), s = op.b.rows();
  const bool first = arguments.pass == 0;
  withType(op.dy.dtype, [&]<class T>(T) {
    forElements(first ? op.da : op.db, [&](int64_t row, int64_t c) {
      float sum = 0;
      for (int64_t k = 0; k < (first ? s : r); ++k) {
        const float dy = load(op.dy.row<T>(first ? row * s + k : k * s + row) + c);
        sum = fmaf(dy, load((first ? op.b : op.a).row<T>(k) + c), sum);
      }
      store((first ? op.da : op.db).row<T>(row) + c, sum);
    });
  });
}

}  // namespace luthier::cuda
