// clampedGlu on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// The two kinds of alternating columns apart.
struct Alternating {
  F gate, up;
};

// Columns 2c to 2(c + count) of a row, at most two vectors.
template <class T>
inline Alternating loadAlternating(const T* row, int64_t c, int64_t count) {
  float pairs[2 * lanes] = {}, gate[lanes], up[lanes];
  forLanes(2 * count, [&](int64_t i, auto n) { store(pairs + i, load(row + 2 * c + i, n), n); });
  for (int64_t i = 0; i < lanes; ++i) {
    gate[i] = pairs[2 * i];
    up[i] = pairs[2 * i + 1];
  }
  return {load(gate, Whole{}), load(up, Whole{})};
}

// The clamped columns; NaN stays NaN.
inline Alternating clamped(const Alternating& x, float limit) {
  return {lowest(all(limit), x.gate), highest(all(-limit), lowest(all(limit), x.up))};
}

inline void clampedGlu(const ClampedGlu& op, Workers& workers) {
  withType(op.y.dtype, [&]<class T>(T) {
    forRows(workers, op.y, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        forLanes(op.y.cols(), [&](int64_t c, auto n) {
          const Alternating x = clamped(loadAlternating(op.x.row<T>(t), c, smaller(lanes, op.y.cols() - c)), op.limit);
          store(op.y.row<T>(t) + c, x.gate * sigmoid(all(op.alpha) * x.gate) * (x.up + all(1.0f)), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
