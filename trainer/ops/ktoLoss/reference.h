// loss += Σ |weight|·σ(−u), u = ±β·(−z − divergence) with the sign of the weight.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void ktoLoss(const KtoLoss& op) {
  for (int64_t s = 0; s < op.weight.cols(); ++s) {
    const double weight = get<double>(op.weight, s), sign = weight < 0 ? -1 : 1, beta = static_cast<double>(op.beta);
    const double u = sign * beta * (-get<double>(op.z, s) - get<double>(op.divergence, 0));
    const double loss = 1 / (1 + std::exp(u));
    if (weight != 0) accumulate<double>(op.loss, 0, 0, std::fabs(weight) * loss);
    put<double>(op.dz, s, weight == 0 ? 0.0 : weight * beta * loss * (1 - loss));
  }
}

}  // namespace luthier::reference
