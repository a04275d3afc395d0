// y = silu(gate) · up, silu(g) = g / (1 + exp(−g)).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void glu(const Glu& op) {
  for (int64_t t = 0; t < op.y.rows(); ++t) {
    for (int64_t c = 0; c < op.y.cols(); ++c) {
      const Real gate = get<Real>(op.gate, t, c);
      put<Real>(op.y, t, c, gate / (Real(1) + std::exp(-gate)) * get<Real>(op.up, t, c));
    }
  }
}

}  // namespace luthier::reference
