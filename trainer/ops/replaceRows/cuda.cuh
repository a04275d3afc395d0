// replaceRows on a GPU: all rows as they are, then the replaced ones.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(replaceRows, 256) {
  const auto op = operandsOf<ReplaceRows>(arguments);
  if (arguments.pass == 0) return forElements(op.y, [&](int64_t r, int64_t c) { putElement(op.y, r, c, elementOf(op.x, r, c)); });
  forElements(op.rows, [&](int64_t r, int64_t c) { putElement(op.y, op.index.row<int32_t>(0)[r], c, elementOf(op.rows, r, c)); });
}

}  // namespace luthier::cuda
