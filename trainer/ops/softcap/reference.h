// y = cap · tanh(x / cap).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void softcap(const Softcap& op) {
  const auto cap = static_cast<Real>(op.cap);
  for (int64_t r = 0; r < op.x.rows(); ++r) {
    for (int64_t c = 0; c < op.x.cols(); ++c) put<Real>(op.y, r, c, cap * std::tanh(get<Real>(op.x, r, c) / cap));
  }
}

}  // namespace luthier::reference
