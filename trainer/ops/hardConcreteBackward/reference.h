// dW = z·z_g·dY, dAlpha = z′·z_g·w·dY, dGroup = z_g′·Σ z·w·dY, all added.
#pragma once

#include "../hardConcrete/reference.h"

namespace luthier::reference {

template <class Real>
void hardConcreteBackward(const HardConcreteBackward& op) {
  const Gate<Real> group = groupGate<Real>(op);
  Real sum = 0;
  for (int64_t r = 0; r < op.w.rows(); ++r) {
    for (int64_t c = 0; c < op.w.cols(); ++c) {
      const Gate<Real> gate = gateAt<Real>(op, r, c);
      const Real w = get<Real>(op.w, r, c), dY = get<Real>(op.dY, r, c);
      accumulate<Real>(op.dW, r, c, gate.z * group.z * dY);
      accumulate<Real>(op.dAlpha, r, c, gate.slope * group.z * w * dY);
      sum += gate.z * w * dY;
    }
  }
  if (op.dGroup) accumulate<Real>(*op.dGroup, 0, 0, group.slope * sum);
}

}  // namespace luthier::reference
