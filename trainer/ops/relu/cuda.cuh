// relu on a GPU: a thread an element; y may be x.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(relu, 256) {
  const auto op = operandsOf<Relu>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      const float x = load(op.x.row<T>(r) + c);
      store(op.y.row<T>(r) + c, x < 0.0f ? 0.0f : x);
    });
  });
}

}  // namespace luthier::cuda
