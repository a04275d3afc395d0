// dUp = dy · act(gate); dGate = dy · up · act′(gate). dGate may be gate, dUp may be up.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../glu/reference.h"

namespace luthier::reference {

template <class Real>
void gluBackward(const GluBackward& op) {
  for (int64_t t = 0; t < op.dy.rows(); ++t) {
    for (int64_t c = 0; c < op.dy.cols(); ++c) {
      const Real dy = get<Real>(op.dy, t, c), gate = get<Real>(op.gate, t, c), up = get<Real>(op.up, t, c);
      const Activated<Real> act = activated<Real>(op.activation, gate);
      put<Real>(op.dUp, t, c, dy * act.value);
      put<Real>(op.dGate, t, c, dy * up * act.slope);
    }
  }
}

}  // namespace luthier::reference
