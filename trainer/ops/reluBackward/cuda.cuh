// reluBackward on a GPU: a thread an element; dx may be dy.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(reluBackward, 256) {
  const auto op = operandsOf<ReluBackward>(arguments);
  withType(op.dx.dtype, [&]<class T>(T) {
    forElements(op.dx, [&](int64_t r, int64_t c) {
      const float dy = load(op.dy.row<T>(r) + c);
      store(op.dx.row<T>(r) + c, 0.0f < load(op.y.row<T>(r) + c) ? dy : 0.0f);
    });
  });
}

}  // namespace luthier::cuda
