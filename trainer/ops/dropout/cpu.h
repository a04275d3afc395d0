// dropout on the CPU: tasks of whole rows; one Philox block masks four columns.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/philox.h"

namespace luthier::LUTHIER_ISA {

// The factors 0 or 1/(1−p) of `lanes` columns from column c on (a multiple of 4).
inline F dropoutFactors(const Dropout& op, int64_t t, int64_t c) {
  const double threshold = static_cast<double>(op.p) * 4294967296.0;
  const float keep = 1.0f / (1.0f - op.p);
  const auto* rowKey = op.rowKey.row<uint32_t>(t);
  const auto* rngKey = op.rngKey.row<uint32_t>(0);
  float factors[lanes];
  for (int64_t i = 0; i < lanes; i += 4) {
    const auto block = static_cast<uint32_t>((c + i) / 4);
    const PhiloxBlock random = philox({{block, rowKey[1], rowKey[0], static_cast<uint32_t>(op.tensorId)}}, rngKey[0], rngKey[1]);
    for (int64_t k = 0; k < 4; ++k) factors[i + k] = static_cast<double>(random.words[k]) >= threshold ? keep : 0.0f;
  }
  return load(factors, Whole{});
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
