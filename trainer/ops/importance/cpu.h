// importance on the CPU: tasks of 32,768 elements.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void importance(const Importance& op, Workers& workers) {
  const F factor = all(floatAt(op.factor, 0)), beta1 = all(op.beta1), rest1 = all(op.oneMinusBeta1);
  const F beta2 = all(op.beta2), rest2 = all(op.oneMinusBeta2);
  forPieces(workers, op.theta.count(), 32768, [&](int64_t first, int64_t last) {
    const float *theta = op.theta.row<float>(0) + first, *grad = op.grad.row<float>(0) + first;
    float *sensitivity = op.sensitivity.row<float>(0) + first, *uncertainty = op.uncertainty.row<float>(0) + first;
    forLanes(last - first, [&](int64_t i, auto n) {
      const F now = magnitude(load(theta + i, n) * (load(grad + i, n) * factor));
      const F mean = beta1 * load(sensitivity + i, n) + rest1 * now;
      store(sensitivity + i, mean, n);
      store(uncertainty + i, beta2 * load(uncertainty + i, n) + rest2 * magnitude(now - mean), n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
