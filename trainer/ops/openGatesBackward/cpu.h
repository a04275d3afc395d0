// openGatesBackward on the CPU: tasks of whole rows, as openGates.
#pragma once

#include "../openGates/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void openGatesBackward(const OpenGatesBackward& op, Workers& workers) {
  const float q = groupShare(op);
  const F factor = all(op.weight * q), one = all(1.0f);
  const double total = sumOfShares(op, workers, [&](int64_t r, int64_t c, auto n, F p) {
    float* to = op.dAlpha.row<float>(r) + c;
    store(to, fma(factor, p * (one - p), load(to, n)), n);
  });
  if (op.dGroup) putFloat(*op.dGroup, 0, floatAt(*op.dGroup, 0) + op.weight * q * (1.0f - q) * static_cast<float>(total));
}

}  // namespace luthier::LUTHIER_ISA
