// pairLoss on the CPU: a few scalars per pair, in double, in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// −log σ(d), for any d without overflow.
inline double softplusOfMinus(double d) {
  const double size = d < 0 ? -d : d;
  return (d < 0 ? -d : 0) + logarithm(1 + exponentialInDouble(-size));
}

inline double sigmoidInDouble(double x) {
  const double small = exponentialInDouble(x < 0 ? x : -x);
  return (x < 0 ? small : 1) / (1 + small);
}

// f(z) and its derivative.
struct PairScore {
  double value, slope;
};

inline PairScore pairScore(const PairLoss& op, double z) {
  if (op.odds == 0) return {-static_cast<double>(op.beta) * z, -static_cast<double>(op.beta)};
  const double bounded = z < 1e-12 ? 1e-12 : z;
  // 1 − exp(−z) loses its digits where z is small; its series to z³ then leaves 1e-17.
  const double rest = bounded < 1e-4 ? bounded * (1 - bounded / 2 * (1 - bounded / 3 * (1 - bounded / 4))) : 1 - exponentialInDouble(-bounded);
  return {-bounded - logarithm(rest), -1 / rest};
}

inline void pairLoss(const PairLoss& op, Workers&) {
  double loss = doubleAt(op.loss, 0);
  for (int64_t p = 0; p < op.weight.cols(); ++p) {
    const auto weight = static_cast<double>(floatAt(op.weight, p));
    double dd = 0;
    PairScore chosen{0, 0}, rejected{0, 0};
    if (weight != 0) {
      chosen = pairScore(op, doubleAt(op.z, 2 * p));
      rejected = pairScore(op, doubleAt(op.z, 2 * p + 1));
      const double d = chosen.value - rejected.value;
      loss += weight * softplusOfMinus(d);
      dd = -weight * sigmoidInDouble(-d);
    }
    putDouble(op.dz, 2 * p, dd * chosen.slope);
    putDouble(op.dz, 2 * p + 1, -dd * rejected.slope);
  }
  putDouble(op.loss, 0, loss);
}

}  // namespace luthier::LUTHIER_ISA
