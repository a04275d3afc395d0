// loss += Σ weight·x.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void weightedSum(const WeightedSum& op) {
  for (int64_t r = 0; r < op.x.cols(); ++r) accumulate<double>(op.loss, 0, 0, get<double>(op.weight, r) * get<double>(op.x, r));
}

}  // namespace luthier::reference
