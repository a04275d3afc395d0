// lstm on the CPU: the rows one after another; in a row, tasks of 16 units, each a dot product per gate.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t lstmUnits = 16;

inline float productOfRows(const Tensor& a, int64_t i, const Tensor& b, int64_t j) {
  F sum = zero();
  forLanes(a.cols(), [&](int64_t c, auto n) { sum = fma(loadAny(a, i, c, n), loadAny(b, j, c, n), sum); });
  return sumOf(sum);
}

// Units [first, last) of row t, whose earlier row is `previous`; none before the first.
inline void lstmRow(const Lstm& op, int64_t t, int64_t previous, bool isFirst, int64_t first, int64_t last) {
  const int64_t width = op.y.cols(), count = last - first;
  float sums[4 * lstmUnits];
  for (int64_t part = 0; part < 4; ++part) {
    for (int64_t k = 0; k < count; ++k) {
      const int64_t gate = part * width + first + k;
      sums[part * lstmUnits + k] = elementOf(op.x, t, gate) + productOfRows(op.w, gate, op.before, t);
    }
  }
  forLanes(count, [&](int64_t c, auto n) {
    const auto sum = [&](int64_t part) { return load(sums + part * lstmUnits + c, n); };
    const F i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = hyperbolicTangent(sum(2)), o = sigmoid(sum(3));
    const F gates[4] = {i, f, g, o};
    for (int64_t part = 0; part < 4; ++part) storeAny(op.gates, t, part * width + first + c, gates[part], n);
    const F earlier = isFirst ? zero() : loadAny(op.cell, previous, first + c, n);
    const F cell = fma(f, earlier, i * g);
    storeAny(op.cell, t, first + c, cell, n);
    storeAny(op.y, t, first + c, o * hyperbolicTangent(cell), n);
  });
}

inline void lstm(const Lstm& op, Workers& workers) {
  const int64_t rows = op.y.rows(), width = op.y.cols();
  for (int64_t step = 0; step < rows; ++step) {
    const int64_t t = op.reverse ? rows - 1 - step : step;
    const int64_t previous = op.reverse ? t + 1 : t - 1;
    forLanes(width, [&](int64_t c, auto n) {
      storeAny(op.before, t, c, step == 0 ? zero() : loadAny(op.y, previous, c, n), n);
    });
    forPieces(workers, width, lstmUnits, [&](int64_t first, int64_t last) {
      lstmRow(op, t, previous, step == 0, first, last);
    });
  }
}

}  // namespace luthier::LUTHIER_ISA
