// rmsNorm on the CPU: tasks of whole rows, two passes over a row that stays in cache.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline void rmsNormRow(const RmsNorm& op, int64_t t) {
  const int64_t d = op.x.cols();
  const T* x = op.x.row<T>(t);
  const T* residual = op.residual ? op.residual->row<T>(t) : nullptr;
  T* sum = op.sum ? op.sum->row<T>(t) : nullptr;
  // h as stored when it is stored: the second pass and the backward see what the first saw.
  const auto h = [&](int64_t c, auto n) { return residual ? load(x + c, n) + load(residual + c, n) : load(x + c, n); };
  F squares = zero();
  forLanes(d, [&](int64_t c, auto n) {
    F value = h(c, n);
    if (sum) {
      store(sum + c, value, n);
      value = load(sum + c, n);
    }
    squares = fma(value, value, squares);
  });
  const float mean = sumOf(squares) / static_cast<float>(d);
  const float rstd = 1.0f / __builtin_sqrtf(mean + op.eps);
  putFloat(op.rstd, t, rstd);
  forLanes(d, [&](int64_t c, auto n) {
    const F value = sum ? load(sum + c, n) : h(c, n);
    store(op.y.row<T>(t) + c, value * all(rstd) * loadAny(op.weight, 0, c, n), n);
  });
}

inline void rmsNorm(const RmsNorm& op, Workers& workers) {
  withType(op.x.dtype, [&]<class T>(T) {
    forRows(workers, op.x, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) rmsNormRow<T>(op, t);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
