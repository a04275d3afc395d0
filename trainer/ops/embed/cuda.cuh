// embed on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(embed, 256) {
  const auto op = operandsOf<Embed>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      store(op.y.row<T>(r) + c, elementOf(op.weight, op.ids.row<int32_t>(0)[r], c));
    });
  });
}

}  // namespace luthier::cuda
