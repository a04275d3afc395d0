// adamw on the CPU: tasks of 32,768 elements; the order of operations is the reference's.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void adamw(const Adamw& op, Workers& workers) {
  const float rate = floatAt(op.hyper, 0) * op.learningRateScale;
  const F step = all(rate / floatAt(op.hyper, 1)), root2 = all(floatAt(op.hyper, 2)), factor = all(floatAt(op.factor, 0));
  const F decay = all(1.0f - rate * op.weightDecay), eps = all(op.eps);
  const F rest1 = all(op.oneMinusBeta1), beta2 = all(op.beta2), rest2 = all(op.oneMinusBeta2);
  forPieces(workers, op.theta.count(), 32768, [&](int64_t first, int64_t last) {
    const float* grad = op.grad.row<float>(0) + first;
    float* theta = op.theta.row<float>(0) + first;
    float* m = op.m.row<float>(0) + first;
    float* v = op.v.row<float>(0) + first;
    forLanes(last - first, [&](int64_t i, auto n) {
      const F g = load(grad + i, n) * factor;
      const F m1 = load(m + i, n) + (g - load(m + i, n)) * rest1;
      const F v1 = load(v + i, n) * beta2 + rest2 * g * g;
      store(m + i, m1, n);
      store(v + i, v1, n);
      store(theta + i, load(theta + i, n) * decay - step * (m1 / (squareRoot(v1) / root2 + eps)), n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
