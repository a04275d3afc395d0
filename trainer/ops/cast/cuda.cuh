// cast on a GPU: a thread an element, from and to either type.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(cast, 256) {
  const auto op = operandsOf<Cast>(arguments);
  forElements(op.y, [&](int64_t r, int64_t c) { putElement(op.y, r, c, op.scale * elementOf(op.x, r, c)); });
}

}  // namespace luthier::cuda
