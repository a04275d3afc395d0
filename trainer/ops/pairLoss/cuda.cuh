// pairLoss on a GPU: one thread, the pairs in order; a micro-batch has few.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(pairLoss, 32) {
  const auto op = operandsOf<PairLoss>(arguments);
  if (threadIdx.x != 0) return;
  const bool odds = op.odds != 0;
  const auto beta = static_cast<double>(op.beta);
  const auto score = [&](double z) { return odds ? -z - log(-expm1(-z)) : -beta * z; };
  const auto slope = [&](double z) { return odds ? 1 / expm1(-z) : -beta; };
  double total = *op.loss.row<double>(0);
  for (int64_t p = 0; p < op.weight.cols(); ++p) {
    const auto weight = static_cast<double>(op.weight.row<float>(0)[p]);
    double chosen = op.z.row<double>(0)[2 * p], rejected = op.z.row<double>(0)[2 * p + 1];
    if (odds) chosen = fmax(chosen, 1e-12), rejected = fmax(rejected, 1e-12);
    const double d = weight == 0 ? 0.0 : score(chosen) - score(rejected), dd = -1 / (1 + exp(d));
    if (weight != 0) total += weight * (fmax(-d, 0.0) + log1p(exp(-fabs(d))));
    op.dz.row<double>(0)[2 * p] = weight == 0 ? 0.0 : weight * dd * slope(chosen);
    op.dz.row<double>(0)[2 * p + 1] = weight == 0 ? 0.0 : -weight * dd * slope(rejected);
  }
  *op.loss.row<double>(0) = total;
}

}  // namespace luthier::cuda
