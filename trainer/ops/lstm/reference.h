// i, f, g, o = σ, σ, tanh, σ of the parts of xₜ + w·hₜ₋₁; cₜ = f·cₜ₋₁ + i·g; hₜ = o·tanh(cₜ).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void lstm(const Lstm& op) {
  const int64_t rows = op.y.rows(), width = op.y.cols();
  for (int64_t step = 0; step < rows; ++step) {
    const int64_t t = op.reverse ? rows - 1 - step : step;
    const int64_t previous = op.reverse ? t + 1 : t - 1;
    for (int64_t k = 0; k < width; ++k) put<Real>(op.before, t, k, step == 0 ? Real(0) : get<Real>(op.y, previous, k));
    for (int64_t k = 0; k < width; ++k) {
      Real gate[4];
      for (int64_t part = 0; part < 4; ++part) {
        Real sum = get<Real>(op.x, t, part * width + k);
        for (int64_t j = 0; j < width; ++j) sum += get<Real>(op.w, part * width + k, j) * get<Real>(op.before, t, j);
        gate[part] = part == 2 ? std::tanh(sum) : Real(1) / (Real(1) + std::exp(-sum));
        put<Real>(op.gates, t, part * width + k, gate[part]);
      }
      const Real last = step == 0 ? Real(0) : get<Real>(op.cell, previous, k);
      const Real cell = gate[1] * last + gate[0] * gate[2];
      put<Real>(op.cell, t, k, cell);
      put<Real>(op.y, t, k, gate[3] * std::tanh(cell));
    }
  }
}

}  // namespace luthier::reference
