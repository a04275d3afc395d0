// gluBackward on the CPU: tasks of whole rows; a vector is read before it is written, so in place is fine.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../glu/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void gluBackward(const GluBackward& op, Workers& workers) {
  withType(op.dy.dtype, [&]<class T>(T) {
    forRows(workers, op.dy, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        forLanes(op.dy.cols(), [&](int64_t c, auto n) {
          const F dy = load(op.dy.row<T>(t) + c, n), g = load(op.gate.row<T>(t) + c, n);
          const F up = load(op.up.row<T>(t) + c, n);
          const Activated a = activated(op.activation, g);
          store(op.dUp.row<T>(t) + c, dy * g * a.gate, n);
          store(op.dGate.row<T>(t) + c, dy * up * a.gate * (all(1.0f) + a.rate * (all(1.0f) - a.gate)), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
