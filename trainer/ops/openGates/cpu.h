// openGates on the CPU: tasks of whole rows in float lanes; their sums in double, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// σ(α − shift): the probability that a gate is not 0.
inline F openShares(F alpha, float shift) { return sigmoid(alpha - all(shift)); }

template <class Op>
inline float groupShare(const Op& op) {
  return op.group ? sumOf(only(openShares(all(elementOf(*op.group, 0, 0)), op.shift), Part{1})) : 1.0f;
}

// Σ σ(α − shift); `visit(row, column, count, shares)` sees each part of a row.
template <class Op, class Visit>
inline double sumOfShares(const Op& op, Workers& workers, Visit visit) {
  const int64_t rows = op.alpha.rows();
  auto* sums = reinterpret_cast<double*>(workers.sharedScratch(rows * 8));
  forRows(workers, op.alpha, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      F sum = zero();
      forLanes(op.alpha.cols(), [&](int64_t c, auto n) {
        const F shares = openShares(loadAny(op.alpha, r, c, n), op.shift);
        visit(r, c, n, shares);
        sum = sum + only(shares, n);
      });
      sums[r] = static_cast<double>(sumOf(sum));
    }
  });
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) total += sums[r];
  return total;
}

inline void openGates(const OpenGates& op, Workers& workers) {
  const double total = sumOfShares(op, workers, [](int64_t, int64_t, auto, F) {});
  putDouble(op.loss, 0, doubleAt(op.loss, 0) + static_cast<double>(op.weight * groupShare(op)) * total);
}

}  // namespace luthier::LUTHIER_ISA
