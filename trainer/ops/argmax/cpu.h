// argmax on the CPU: tasks of whole rows; first the highest value, then the first place that has it.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline int32_t argmaxRow(const T* x, int64_t count) {
  F top = all(-__builtin_inff());
  int64_t whole = count / lanes * lanes;
  for (int64_t i = 0; i < whole; i += lanes) top = highest(load(x + i, Whole{}), top);
  float best = highestOf(top);
  const auto at = [&](int64_t i) {
    float value[lanes];
    store(value, load(x + i, Part{1}), Whole{});
    return value[0];
  };
  for (int64_t i = whole; i < count; ++i) best = at(i) > best ? at(i) : best;
  for (int64_t i = 0; i < count; ++i) {
    if (at(i) == best) return static_cast<int32_t>(i);
  }
  return 0;  // every value is NaN
}

inline void argmax(const Argmax& op, Workers& workers) {
  withType(op.x.dtype, [&]<class T>(T) {
    forRows(workers, op.x, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        const int32_t best = argmaxRow(op.x.row<T>(r), op.x.cols());
        __builtin_memcpy(op.index.data + 4 * r, &best, sizeof best);
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
