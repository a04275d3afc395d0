// inverseRowNorm on the CPU: tasks of whole rows; squares of 4,096 columns in float lanes, above that in double, in order.
#pragma once

#include "../../native/cpu/pack.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t rowNormPiece = 4096;

template <class Matrix>
inline double rowSquares(const InverseRowNorm& op, const Matrix& w, int64_t row) {
  const int64_t width = op.w.cols(), rank = op.a.rows();
  double total = 0;
  for (int64_t first = 0; first < width; first += rowNormPiece) {
    const int64_t last = smaller(width, first + rowNormPiece);
    F squares = zero();
    forLanes(last - first, [&](int64_t c, auto n) {
      F product = zero();
      for (int64_t k = 0; k < rank; ++k) {
        const float b = op.b.dtype == DType::bf16 ? floatFromBf16(op.b.row<uint16_t>(row)[k]) : op.b.row<float>(row)[k];
        product = fma(all(b), loadAny(op.a, k, first + c, n), product);
      }
      const F value = w.floats(row, first + c, last - first - c) + all(op.scale) * product;
      squares = fma(value, value, squares);
    });
    total += static_cast<double>(sumOf(squares));
  }
  return total;
}

inline void inverseRowNorm(const InverseRowNorm& op, Workers& workers) {
  withSource(op.w, [&](const auto& w) {
    forPieces(workers, op.w.rows(), 16, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        putFloat(op.inverse, row, 1.0f / __builtin_sqrtf(static_cast<float>(rowSquares(op, w, row))));
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
