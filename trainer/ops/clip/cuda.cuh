// clip on a GPU: one thread.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(clip, 32) {
  const auto op = operandsOf<Clip>(arguments);
  if (threadIdx.x != 0) return;
  const auto norm = static_cast<float>(sqrt(*op.total.row<double>(0)));
  const float factor = op.maxNorm / (norm + 1e-6f);
  *op.norm.row<float>(0) = norm;
  *op.factor.row<float>(0) = op.maxNorm == 0.0f || factor > 1.0f ? 1.0f : factor;
}

}  // namespace luthier::cuda
