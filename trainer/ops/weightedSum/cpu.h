// weightedSum on the CPU: one pass over the rows, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void weightedSum(const WeightedSum& op, Workers&) {
  double loss = doubleAt(op.loss, 0);
  for (int64_t r = 0; r < op.x.cols(); ++r) loss += static_cast<double>(floatAt(op.weight, r)) * static_cast<double>(floatAt(op.x, r));
  putDouble(op.loss, 0, loss);
}

}  // namespace luthier::LUTHIER_ISA
