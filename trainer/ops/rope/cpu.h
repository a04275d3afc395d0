// rope on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline void ropeRow(const Rope& op, int64_t t) {
  const int64_t rotary = op.rotary > 0 ? smaller(op.rotary, op.headDim) : op.headDim, half = rotary / 2;
  const float* cos = op.cos.row<float>(t);
  const float* sin = op.sin.row<float>(t);
  const F sign = all(static_cast<float>(op.sign));
  for (int64_t head = 0; head < op.heads; ++head) {
    const T* x = op.x.row<T>(t) + head * op.headDim;
    T* y = op.y.row<T>(t) + head * op.headDim;
    forLanes(half, [&](int64_t i, auto n) {
      const F a = load(x + i, n), b = load(x + half + i, n);
      const F c = load(cos + i, n), s = load(sin + i, n) * sign;
      store(y + i, a * c - b * s, n);
      store(y + half + i, b * c + a * s, n);
    });
    if (y != x) forLanes(op.headDim - rotary, [&](int64_t i, auto n) { store(y + rotary + i, load(x + rotary + i, n), n); });
  }
}

inline void rope(const Rope& op, Workers& workers) {
  withType(op.x.dtype, [&]<class T>(T) {
    forRows(workers, op.x, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) ropeRow<T>(op, t);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
