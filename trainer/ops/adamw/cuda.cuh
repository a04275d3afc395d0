// adamw on a GPU: a thread an element, without the host.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(adamw, 256) {
  const auto op = operandsOf<Adamw>(arguments);
  const float* hyper = op.hyper.row<float>(0);  // learning rate, 1 - β₁ᵗ, √(1 - β₂ᵗ)
  const float rate = hyper[0] * op.learningRateScale, stepSize = rate / hyper[1], root2 = hyper[2];
  const float factor = *op.factor.row<float>(0), decay = 1.0f - rate * op.weightDecay;
  forElements(op.theta, [&](int64_t r, int64_t c) {
    const float g = op.grad.row<float>(r)[c] * factor;
    float *m = op.m.row<float>(r) + c, *v = op.v.row<float>(r) + c, *theta = op.theta.row<float>(r) + c;
    *m = *m + (g - *m) * op.oneMinusBeta1;
    *v = *v * op.beta2 + op.oneMinusBeta2 * g * g;
    *theta = *theta * decay - stepSize * (*m / (sqrtf(*v) / root2 + op.eps));
  });
}

}  // namespace luthier::cuda
