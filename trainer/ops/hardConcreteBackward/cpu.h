// hardConcreteBackward on the CPU: tasks of whole rows; the group's sum of each row in float lanes, over rows in double, in order.
#pragma once

#include "../hardConcrete/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void hardConcreteBackward(const HardConcreteBackward& op, Workers& workers) {
  const Gate group = groupGate(op);
  const int64_t rows = op.w.rows();
  auto* sums = reinterpret_cast<double*>(workers.sharedScratch(rows * 8));
  forRows(workers, op.w, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      float *dW = op.dW.row<float>(r), *dAlpha = op.dAlpha.row<float>(r);
      F sum = zero();
      forLanes(op.w.cols(), [&](int64_t c, auto n) {
        const Gate gate = gateAt(op, r, c, n);
        const F w = loadAny(op.w, r, c, n), dY = loadAny(op.dY, r, c, n);
        store(dW + c, fma(gate.z * group.z, dY, load(dW + c, n)), n);
        store(dAlpha + c, fma(gate.slope * group.z, w * dY, load(dAlpha + c, n)), n);
        sum = fma(gate.z, w * dY, sum);
      });
      sums[r] = static_cast<double>(sumOf(sum));
    }
  });
  if (!op.dGroup) return;
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) total += sums[r];
  putFloat(*op.dGroup, 0, floatAt(*op.dGroup, 0) + sumOf(only(group.slope, Part{1})) * static_cast<float>(total));
}

}  // namespace luthier::LUTHIER_ISA
