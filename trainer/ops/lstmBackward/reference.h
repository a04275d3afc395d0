// dh = dyₜ + wᵀ·dxₜ₊₁; dc = dh·o·(1 − tanh²c) + dcₜ₊₁·fₜ₊₁; dx from dh and dc by the gates' derivatives.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

#include <vector>

namespace luthier::reference {

template <class Real>
void lstmBackward(const LstmBackward& op) {
  const int64_t rows = op.cell.rows(), width = op.cell.cols();
  std::vector<Real> carried(static_cast<size_t>(width), Real(0));  // dcₜ₊₁·fₜ₊₁
  for (int64_t step = rows - 1; step >= 0; --step) {
    const int64_t t = op.reverse ? rows - 1 - step : step;
    const int64_t previous = op.reverse ? t + 1 : t - 1, next = op.reverse ? t - 1 : t + 1;
    for (int64_t k = 0; k < width; ++k) {
      const auto gate = [&](int64_t part) { return get<Real>(op.gates, t, part * width + k); };
      const Real i = gate(0), f = gate(1), g = gate(2), o = gate(3);
      Real dh = get<Real>(op.dy, t, k);
      for (int64_t j = 0; step + 1 < rows && j < 4 * width; ++j) dh += get<Real>(op.w, j, k) * get<Real>(op.dx, next, j);
      const Real tangent = std::tanh(get<Real>(op.cell, t, k));
      const Real dc = dh * o * (Real(1) - tangent * tangent) + carried[k];
      const Real before = step == 0 ? Real(0) : get<Real>(op.cell, previous, k);
      put<Real>(op.dx, t, k, dc * g * i * (Real(1) - i));
      put<Real>(op.dx, t, width + k, dc * before * f * (Real(1) - f));
      put<Real>(op.dx, t, 2 * width + k, dc * i * (Real(1) - g * g));
      put<Real>(op.dx, t, 3 * width + k, dh * tangent * o * (Real(1) - o));
      carried[k] = dc * f;
    }
  }
}

}  // namespace luthier::reference
