// total += Σ x², summed in double.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void sumSquares(const SumSquares& op) {
  double sum = 0;
  for (int64_t r = 0; r < op.x.rows(); ++r) {
    for (int64_t c = 0; c < op.x.cols(); ++c) sum += get<double>(op.x, r, c) * get<double>(op.x, r, c);
  }
  accumulate<double>(op.total, 0, 0, sum);
}

}  // namespace luthier::reference
