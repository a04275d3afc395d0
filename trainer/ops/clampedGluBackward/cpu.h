// clampedGluBackward on the CPU: tasks of whole rows; columns are read before they are written, so in place is fine.
#pragma once

#include "../clampedGlu/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void clampedGluBackward(const ClampedGluBackward& op, Workers& workers) {
  const F limit = all(op.limit), alpha = all(op.alpha), one = all(1.0f);
  withType(op.dy.dtype, [&]<class T>(T) {
    forRows(workers, op.dy, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        forLanes(op.dy.cols(), [&](int64_t c, auto n) {
          const int64_t count = smaller(lanes, op.dy.cols() - c);
          const Alternating x = loadAlternating(op.x.row<T>(t), c, count), held = clamped(x, op.limit);
          const F dy = load(op.dy.row<T>(t) + c, n), rate = sigmoid(alpha * held.gate);
          const F slope = rate * fma(alpha * held.gate, one - rate, one);
          float gate[lanes], up[lanes], pairs[2 * lanes];
          store(gate, whereLess(limit, x.gate, zero(), dy * (held.up + one) * slope), Whole{});
          store(up, whereLess(limit, magnitude(x.up), zero(), dy * held.gate * rate), Whole{});
          for (int64_t i = 0; i < lanes; ++i) {
            pairs[2 * i] = gate[i];
            pairs[2 * i + 1] = up[i];
          }
          forLanes(2 * count, [&](int64_t i, auto part) { store(op.dx.row<T>(t) + 2 * c + i, load(pairs + i, part), part); });
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
