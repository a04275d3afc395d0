// ktoLoss on the CPU: a few scalars per answer, in double, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../pairLoss/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void ktoLoss(const KtoLoss& op, Workers&) {
  const auto beta = static_cast<double>(op.beta), divergence = static_cast<double>(floatAt(op.divergence, 0));
  double loss = doubleAt(op.loss, 0);
  for (int64_t s = 0; s < op.weight.cols(); ++s) {
    const auto weight = static_cast<double>(floatAt(op.weight, s));
    double dz = 0;
    if (weight != 0) {
      const double u = (weight < 0 ? -beta : beta) * (-doubleAt(op.z, s) - divergence);
      const double missed = sigmoidInDouble(-u);
      loss += (weight < 0 ? -weight : weight) * missed;
      dz = weight * beta * missed * sigmoidInDouble(u);
    }
    putDouble(op.dz, s, dz);
  }
  putDouble(op.loss, 0, loss);
}

}  // namespace luthier::LUTHIER_ISA
