// loss += Σ weight·−log σ(d), d = f(z[2p]) − f(z[2p + 1]); f(z) = −βz, or the log odds of exp(−z).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

inline double pairScore(const PairLoss& op, double z) {
  return op.odds != 0 ? -z - std::log(1 - std::exp(-z)) : -static_cast<double>(op.beta) * z;
}

inline double pairSlope(const PairLoss& op, double z) {
  return op.odds != 0 ? -1 / (1 - std::exp(-z)) : -static_cast<double>(op.beta);
}

template <class Real>
void pairLoss(const PairLoss& op) {
  for (int64_t p = 0; p < op.weight.cols(); ++p) {
    const double weight = get<double>(op.weight, p);
    double z[2], slope[2];
    for (int i = 0; i < 2; ++i) {
      z[i] = get<double>(op.z, 2 * p + i);
      if (op.odds != 0) z[i] = std::fmax(z[i], 1e-12);
      slope[i] = weight == 0 ? 0 : pairSlope(op, z[i]);
    }
    const double d = weight == 0 ? 0 : pairScore(op, z[0]) - pairScore(op, z[1]);
    const double dd = -1 / (1 + std::exp(d));
    if (weight != 0) accumulate<double>(op.loss, 0, 0, weight * std::log1p(std::exp(-d)));
    put<double>(op.dz, 2 * p, weight * dd * slope[0]);
    put<double>(op.dz, 2 * p + 1, -weight * dd * slope[1]);
  }
}

}  // namespace luthier::reference
