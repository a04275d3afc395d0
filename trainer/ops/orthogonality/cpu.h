// orthogonality on the CPU: one task per row of G in shared scratch, its norm in double, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// Row i of G − I of the rows of x: one dot product per element.
inline void gramOfRows(const Tensor& x, int64_t i, float* gram) {
  for (int64_t j = 0; j < x.rows(); ++j) {
    F sum = zero();
    forLanes(x.cols(), [&](int64_t c, auto n) { sum = fma(loadAny(x, i, c, n), loadAny(x, j, c, n), sum); });
    gram[j] = sumOf(sum) - (i == j ? 1.0f : 0.0f);
  }
}

// Row i of G − I of the columns of x: the rows of x are added one by one.
inline void gramOfColumns(const Tensor& x, int64_t i, float* gram) {
  __builtin_memset(gram, 0, static_cast<size_t>(x.cols()) * 4);
  for (int64_t k = 0; k < x.rows(); ++k) {
    const F factor = all(elementOf(x, k, i));
    forLanes(x.cols(), [&](int64_t c, auto n) { store(gram + c, fma(factor, loadAny(x, k, c, n), load(gram + c, n)), n); });
  }
  gram[i] -= 1.0f;
}

// G − I in shared scratch, [r, r], and its norm.
struct Gram {
  float* values;
  int64_t size;
  double norm;
};

inline Gram gramOf(const Tensor& x, bool columns, Workers& workers) {
  const int64_t r = columns ? x.cols() : x.rows();
  auto* gram = reinterpret_cast<float*>(workers.sharedScratch(r * r * 4));
  forTasks(workers, r, [&](int64_t i, int32_t) {
    if (columns) gramOfColumns(x, i, gram + i * r);
    else gramOfRows(x, i, gram + i * r);
  });
  double squares = 0;
  for (int64_t i = 0; i < r * r; ++i) squares += static_cast<double>(gram[i]) * static_cast<double>(gram[i]);
  return {gram, r, __builtin_sqrt(squares)};
}

inline void orthogonality(const Orthogonality& op, Workers& workers) {
  const Gram gram = gramOf(op.x, op.columns != 0, workers);
  double loss;
  __builtin_memcpy(&loss, op.loss.data, sizeof loss);
  loss += static_cast<double>(op.weight) * gram.norm;
  __builtin_memcpy(op.loss.data, &loss, sizeof loss);
}

}  // namespace luthier::LUTHIER_ISA
