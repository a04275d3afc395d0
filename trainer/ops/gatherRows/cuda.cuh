// gatherRows on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(gatherRows, 256) {
  const auto op = operandsOf<GatherRows>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      const int32_t from = op.index.row<int32_t>(0)[r];
      store(op.y.row<T>(r) + c, from < 0 ? 0.0f : load(op.x.row<T>(from) + c));
    });
  });
}

}  // namespace luthier::cuda
