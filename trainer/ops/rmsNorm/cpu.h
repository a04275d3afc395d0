// rmsNorm on the CPU: tasks of whole rows, two passes over a group that stays in cache.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// Group g of row t: columns from g·d on.
template <class T>
inline void rmsNormGroup(const RmsNorm& op, int64_t t, int64_t g) {
  const int64_t d = op.weight.cols(), groups = op.x.cols() / d, first = g * d;
  const T* x = op.x.row<T>(t) + first;
  const T* residual = op.residual ? op.residual->row<T>(t) + first : nullptr;
  T* sum = op.sum ? op.sum->row<T>(t) + first : nullptr;
  T* y = op.y.row<T>(t) + first;
  // h as stored when it is stored: the second pass and the backward see what the first saw.
  const auto h = [&](int64_t c, auto n) { return residual ? load(x + c, n) + load(residual + c, n) : load(x + c, n); };
  const auto weight = [&](int64_t c, auto n) {
    const F w = loadAny(op.weight, 0, c, n);
    return op.offset == 0 ? w : w + all(op.offset);
  };
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
  putFloat(op.rstd, t * groups + g, rstd);
  forLanes(d, [&](int64_t c, auto n) {
    const F value = sum ? load(sum + c, n) : h(c, n);
    store(y + c, value * all(rstd) * weight(c, n), n);
  });
}

inline void rmsNorm(const RmsNorm& op, Workers& workers) {
  const int64_t groups = op.x.cols() / op.weight.cols();
  withType(op.x.dtype, [&]<class T>(T) {
    forRows(workers, op.x, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        for (int64_t g = 0; g < groups; ++g) rmsNormGroup<T>(op, t, g);
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
