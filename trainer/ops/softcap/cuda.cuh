// softcap on a GPU: a thread an element; y may be x.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(softcap, 256) {
  const auto op = operandsOf<Softcap>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      store(op.y.row<T>(r) + c, op.cap * tanhf(load(op.x.row<T>(r) + c) / op.cap));
    });
  });
}

}  // namespace luthier::cuda
