// dropout on the CPU: tasks of whole rows; one Philox block masks four columns.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/philox.h"

namespace luthier::LUTHIER_ISA {

// Numbers that `make` makes of the random words of `lanes` columns from column c on (a multiple of 4).
template <class Op, class Make>
inline F ofRandomWords(const Op& op, int64_t t, int64_t c, Make make) {
  const auto* rowKey = op.rowKey.template row<uint32_t>(t);
  const auto* rngKey = op.rngKey.template row<uint32_t>(0);
  float numbers[lanes];
  for (int64_t i = 0; i < lanes; i += 4) {
    const auto block = static_cast<uint32_t>((c + i) / 4);
    const PhiloxBlock random = philox({{block, rowKey[1], rowKey[0], static_cast<uint32_t>(op.tensorId)}}, rngKey[0], rngKey[1]);
    for (int64_t k = 0; k < 4; ++k) numbers[i + k] = make(random.words[k]);
  }
  return load(numbers, Whole{});
}

// The factors 0 or 1/(1−p).
inline F dropoutFactors(const Dropout& op, int64_t t, int64_t c) {
  const double threshold = static_cast<double>(op.p) * 4294967296.0;
  const float keep = 1.0f / (1.0f - op.p);
  return ofRandomWords(op, t, c, [&](uint32_t word) { return static_cast<double>(word) >= threshold ? keep : 0.0f; });
}

// A dropped element is 0 for any x: a product with 0 would keep NaN.
inline F dropped(F x, F factors) { return whereLess(zero(), factors, x * factors, zero()); }

inline void dropout(const Dropout& op, Workers& workers) {
  withType(op.x.dtype, [&]<class T>(T) {
    forRows(workers, op.x, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        forLanes(op.x.cols(), [&](int64_t c, auto n) {
          store(op.y.row<T>(t) + c, dropped(load(op.x.row<T>(t) + c, n), dropoutFactors(op, t, c)), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
