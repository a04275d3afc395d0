// importance on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(importance, 256) {
  const auto op = operandsOf<Importance>(arguments);
  const float factor = *op.factor.row<float>(0);
  forElements(op.theta, [&](int64_t r, int64_t c) {
    float *sensitivity = op.sensitivity.row<float>(r) + c, *uncertainty = op.uncertainty.row<float>(r) + c;
    const float now = fabsf(op.theta.row<float>(r)[c] * (op.grad.row<float>(r)[c] * factor));
    *sensitivity = op.beta1 * *sensitivity + op.oneMinusBeta1 * now;
    *uncertainty = op.beta2 * *uncertainty + op.oneMinusBeta2 * fabsf(now - *sensitivity);
  });
}

}  // namespace luthier::cuda
