// dUp = dy · silu(gate); dGate = dy · up · σ(1 + gate·(1 − σ)). dGate may be gate, dUp may be up.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void gluBackward(const GluBackward& op) {
  for (int64_t t = 0; t < op.dy.rows(); ++t) {
    for (int64_t c = 0; c < op.dy.cols(); ++c) {
      const Real dy = get<Real>(op.dy, t, c), gate = get<Real>(op.gate, t, c), up = get<Real>(op.up, t, c);
      const Real sigmoid = Real(1) / (Real(1) + std::exp(-gate));
      put<Real>(op.dUp, t, c, dy * gate * sigmoid);
      put<Real>(op.dGate, t, c, dy * up * sigmoid * (Real(1) + gate * (Real(1) - sigmoid)));
    }
  }
}

}  // namespace luthier::reference
