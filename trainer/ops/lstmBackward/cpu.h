// lstmBackward on the CPU: the rows one after another; in a row, tasks of 64 units, over all rows of w in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void lstmBackward(const LstmBackward& op, Workers& workers) {
  const int64_t rows = op.cell.rows(), width = op.cell.cols();
  auto* carried = reinterpret_cast<float*>(workers.sharedScratch(width * 4));  // dcₜ₊₁·fₜ₊₁
  __builtin_memset(carried, 0, static_cast<size_t>(width) * 4);
  for (int64_t step = rows - 1; step >= 0; --step) {
    const int64_t t = op.reverse ? rows - 1 - step : step;
    const int64_t previous = op.reverse ? t + 1 : t - 1, next = op.reverse ? t - 1 : t + 1;
    forPieces(workers, width, 64, [&](int64_t first, int64_t last) {
      forLanes(last - first, [&](int64_t c, auto n) {
        const int64_t k = first + c;
        F dh = loadAny(op.dy, t, k, n);
        for (int64_t j = 0; step + 1 < rows && j < 4 * width; ++j) {
          dh = fma(all(elementOf(op.dx, next, j)), loadAny(op.w, j, k, n), dh);
        }
        const auto gate = [&](int64_t part) { return loadAny(op.gates, t, part * width + k, n); };
        const F i = gate(0), f = gate(1), g = gate(2), o = gate(3), one = all(1.0f);
        const F tangent = hyperbolicTangent(loadAny(op.cell, t, k, n));
        const F dc = fma(dh * o, one - tangent * tangent, load(carried + k, n));
        const F before = step == 0 ? zero() : loadAny(op.cell, previous, k, n);
        const F dx[4] = {dc * g * i * (one - i), dc * before * f * (one - f), dc * i * (one - g * g),
                         dh * tangent * o * (one - o)};
        for (int64_t part = 0; part < 4; ++part) storeAny(op.dx, t, part * width + k, dx[part], n);
        store(carried + k, dc * f, n);
      });
    });
  }
}

}  // namespace luthier::LUTHIER_ISA
