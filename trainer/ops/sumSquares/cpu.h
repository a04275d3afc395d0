// sumSquares on the CPU: a row's squares in pieces of 4,096 in float lanes, everything above in double, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t sumSquaresPiece = 4096;

inline double sumSquaresRow(const Tensor& x, int64_t row) {
  double total = 0;
  for (int64_t first = 0; first < x.cols(); first += sumSquaresPiece) {
    F squares = zero();
    forLanes(smaller(sumSquaresPiece, x.cols() - first), [&](int64_t c, auto n) {
      const F value = loadAny(x, row, first + c, n);
      squares = fma(value, value, squares);
    });
    total += static_cast<double>(sumOf(squares));
  }
  return total;
}

inline void sumSquares(const SumSquares& op, Workers& workers) {
  const int64_t rows = op.x.rows();
  auto* sums = reinterpret_cast<double*>(workers.sharedScratch(rows * 8));
  forRows(workers, op.x, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) sums[r] = sumSquaresRow(op.x, r);
  });
  double total;
  __builtin_memcpy(&total, op.total.data, sizeof total);
  for (int64_t r = 0; r < rows; ++r) total += sums[r];
  __builtin_memcpy(op.total.data, &total, sizeof total);
}

}  // namespace luthier::LUTHIER_ISA
