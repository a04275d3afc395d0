// gatherExperts on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(gatherExperts, 256) {
  const auto op = operandsOf<GatherExperts>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t p, int64_t c) {
      const int64_t t = op.order.row<int32_t>(0)[p] / op.topK;
      store(op.y.row<T>(p) + c, load(op.x.row<T>(t) + c));
    });
  });
}

}  // namespace luthier::cuda
