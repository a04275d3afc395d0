// glu on the CPU: tasks of whole rows.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// A gated unit's activation is g·gate, its derivative gate·(1 + rate·(1 − gate)), by the number in `activations`.
struct Activated {
  F gate, rate;
};

inline Activated activated(int32_t activation, F g) {
  if (activation == 0) return {sigmoid(g), g};
  // GELU by its tanh formula: g·σ(2u), u = √(2/π)·(g + 0.044715·g³); rate = g·(2u)′.
  const F square = g * g, twice = all(1.5957691216057308f) * g;
  return {sigmoid(twice * fma(all(0.044715f), square, all(1.0f))), twice * fma(all(3 * 0.044715f), square, all(1.0f))};
}

inline void glu(const Glu& op, Workers& workers) {
  withType(op.y.dtype, [&]<class T>(T) {
    forRows(workers, op.y, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        const T* gate = op.gate.row<T>(t);
        const T* up = op.up.row<T>(t);
        T* y = op.y.row<T>(t);
        forLanes(op.y.cols(), [&](int64_t c, auto n) {
          const F g = load(gate + c, n);
          store(y + c, g * activated(op.activation, g).gate * load(up + c, n), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
