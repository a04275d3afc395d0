// rmsNormBackward on the CPU: rows in tasks; dWeight from sums of 64 tokens, added in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t rmsNormTokens = 64;

// Group g of row t: columns from g·d on.
template <class T>
inline void rmsNormBackwardGroup(const RmsNormBackward& op, int64_t t, int64_t g, float* dWeight) {
  const int64_t d = op.weight.cols(), groups = op.h.cols() / d, first = g * d;
  const T* dy = op.dy.row<T>(t) + first;
  const T* h = op.h.row<T>(t) + first;
  const float rstd = floatAt(op.rstd, t * groups + g);
  const auto weight = [&](int64_t c, auto n) {
    const F w = loadAny(op.weight, 0, c, n);
    return op.offset == 0 ? w : w + all(op.offset);
  };
  F dots = zero();
  forLanes(d, [&](int64_t c, auto n) {
    dots = fma(load(dy + c, n) * weight(c, n), load(h + c, n), dots);
  });
  const F pull = all(sumOf(dots) / static_cast<float>(d) * rstd * rstd);
  forLanes(d, [&](int64_t c, auto n) {
    const F gradient = load(dy + c, n), value = load(h + c, n);
    if (dWeight) store(dWeight + c, load(dWeight + c, n) + gradient * value * all(rstd), n);
    const F dx = all(rstd) * (gradient * weight(c, n) - value * pull);
    store(op.dx.row<T>(t) + first + c, op.dSum ? dx + load(op.dSum->row<T>(t) + first + c, n) : dx, n);
  });
}

inline void rmsNormBackward(const RmsNormBackward& op, Workers& workers) {
  const int64_t d = op.weight.cols(), groups = op.h.cols() / d;
  const int64_t pieces = ceilDivide(op.h.rows(), rmsNormTokens), stride = roundUp(d, lanes);
  float* sums = op.dWeight ? reinterpret_cast<float*>(workers.sharedScratch(pieces * stride * 4)) : nullptr;
  withType(op.h.dtype, [&]<class T>(T) {
    forPieces(workers, op.h.rows(), rmsNormTokens, [&](int64_t first, int64_t last) {
      float* sum = sums ? sums + first / rmsNormTokens * stride : nullptr;
      if (sum) __builtin_memset(sum, 0, static_cast<size_t>(stride) * 4);
      for (int64_t t = first; t < last; ++t) {
        for (int64_t g = 0; g < groups; ++g) rmsNormBackwardGroup<T>(op, t, g, sum);
      }
    });
  });
  if (!sums) return;
  float* dWeight = op.dWeight->row<float>(0);
  forPieces(workers, d, 1024, [&](int64_t first, int64_t last) {
    forLanes(last - first, [&](int64_t c, auto n) {
      F sum = load(dWeight + first + c, n);
      for (int64_t piece = 0; piece < pieces; ++piece) sum = sum + load(sums + piece * stride + first + c, n);
      store(dWeight + first + c, sum, n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
