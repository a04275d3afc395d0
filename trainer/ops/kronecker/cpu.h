// kronecker on the CPU: tasks of 16 rows; a row's blocks are mixed by a, then each block's columns by b.
#pragma once

#include "../../native/cpu/pack.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// mixed[i, d] = Σ a[i,c]·x[c,d], c in order. x is a row of m·n elements; mixed [l, n].
inline void mixBlocks(const Tensor& a, const Tensor& x, int64_t row, int64_t n, float* mixed) {
  for (int64_t i = 0; i < a.rows(); ++i) {
    forLanes(n, [&](int64_t d, auto count) {
      F sum = zero();
      for (int64_t c = 0; c < a.cols(); ++c) sum = fma(all(elementOf(a, i, c)), loadAny(x, row, c * n + d, count), sum);
      store(mixed + i * n + d, sum, count);
    });
  }
}

inline void kronecker(const Kronecker& op, Workers& workers) {
  const int64_t l = op.a.rows(), k = op.b.rows(), n = op.b.cols();
  forTasks(workers, ceilDivide(op.x.rows(), 16), [&](int64_t task, int32_t thread) {
    Carver carver(workers.threadScratch(thread, Carver::bytes<float>(l * n) + Carver::bytes<float>(l * k)));
    float *mixed = carver.take<float>(l * n), *y = carver.take<float>(l * k);
    for (int64_t t = task * 16; t < smaller(op.x.rows(), (task + 1) * 16); ++t) {
      mixBlocks(op.a, op.x, t, n, mixed);
      for (int64_t i = 0; i < l; ++i) {
        for (int64_t j = 0; j < k; ++j) {
          F sum = zero();
          forLanes(n, [&](int64_t d, auto count) { sum = fma(load(mixed + i * n + d, count), loadAny(op.b, j, d, count), sum); });
          y[i * k + j] = op.scale * sumOf(sum);
        }
      }
      forLanes(l * k, [&](int64_t column, auto count) {
        F value = load(y + column, count);
        if (op.residual) value = value + loadAny(*op.residual, t, column, count);
        storeAny(op.y, t, column, value, count);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
