// y = act(gate) · up: silu(g) = g / (1 + exp(−g)), or GELU by its tanh formula.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

// An activation and its derivative.
template <class Real>
struct Activated {
  Real value, slope;
};

template <class Real>
Activated<Real> activated(int32_t activation, Real g) {
  if (activation == 0) {
    const Real sigmoid = Real(1) / (Real(1) + std::exp(-g));
    return {g / (Real(1) + std::exp(-g)), sigmoid * (Real(1) + g * (Real(1) - sigmoid))};
  }
  const Real factor = std::sqrt(Real(2) / std::acos(Real(-1))), cubic = Real(0.044715L);
  const Real tangent = std::tanh(factor * (g + cubic * g * g * g));
  const Real inner = factor * (Real(1) + Real(3) * cubic * g * g);
  return {g * (Real(1) + tangent) / Real(2), (Real(1) + tangent) / Real(2) + g * (Real(1) - tangent * tangent) * inner / Real(2)};
}

template <class Real>
void glu(const Glu& op) {
  for (int64_t t = 0; t < op.y.rows(); ++t) {
    for (int64_t c = 0; c < op.y.cols(); ++c) {
      const Real gate = get<Real>(op.gate, t, c);
      put<Real>(op.y, t, c, activated<Real>(op.activation, gate).value * get<Real>(op.up, t, c));
    }
  }
}

}  // namespace luthier::reference
