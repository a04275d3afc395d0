// columnProducts on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(columnProducts, 256) {
  const auto op = operandsOf<ColumnProducts>(arguments);
  const int64_t s = op.b.rows();
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) { store(op.y.row<T>(r) + c, load(op.a.row<T>(r / s) + c) * load(op.b.row<T>(r % s) + c)); });
  });
}

}  // namespace luthier::cuda
