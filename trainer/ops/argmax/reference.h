// The column of a row's highest value, the lowest such column among equals. NaN is ignored; a row of only NaN gives 0.
#pragma once

#include <cmath>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void argmax(const Argmax& op) {
  for (int64_t r = 0; r < op.x.rows(); ++r) {
    int64_t best = 0;
    for (int64_t c = 1; c < op.x.cols(); ++c) {
      const Real value = get<Real>(op.x, r, c), highest = get<Real>(op.x, r, best);
      if (value > highest || (std::isnan(highest) && !std::isnan(value))) best = c;
    }
    put<double>(op.index, r, static_cast<double>(best));
  }
}

}  // namespace luthier::reference
