// sliceColumnsBackward on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline void sliceColumnsBackwardRow(const SliceColumnsBackward& op, int64_t t) {
  T* dx = op.dx.row<T>(t);
  const T *dy = op.dy.row<T>(t), *sum = op.sum ? op.sum->row<T>(t) : nullptr;
  const auto others = [&](int64_t from, int64_t count) {
    if (sum == dx) return;
    const auto bytes = static_cast<size_t>(count) * sizeof(T);
    if (sum) __builtin_memcpy(dx + from, sum + from, bytes);
    else __builtin_memset(dx + from, 0, bytes);
  };
  others(0, op.before);
  forLanes(op.width, [&](int64_t c, auto n) {
    const F value = load(dy + c, n);
    store(dx + op.before + c, sum ? load(sum + op.before + c, n) + value : value, n);
  });
  others(op.before + op.width, op.after);
}

inline void sliceColumnsBackward(const SliceColumnsBackward& op, Workers& workers) {
  withType(op.dx.dtype, [&]<class T>(T) {
    forRows(workers, op.dx, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) sliceColumnsBackwardRow<T>(op, t);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
