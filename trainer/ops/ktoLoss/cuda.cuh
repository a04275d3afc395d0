// ktoLoss on a GPU: one thread, the segments in order; a micro-batch has few.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(ktoLoss, 32) {
  const auto op = operandsOf<KtoLoss>(arguments);
  if (threadIdx.x != 0) return;
  const auto beta = static_cast<double>(op.beta), divergence = static_cast<double>(*op.divergence.row<float>(0));
  double total = *op.loss.row<double>(0);
  for (int64_t s = 0; s < op.weight.cols(); ++s) {
    const auto weight = static_cast<double>(op.weight.row<float>(0)[s]);
    const double u = (weight < 0 ? -beta : beta) * (-op.z.row<double>(0)[s] - divergence), loss = 1 / (1 + exp(u));
    if (weight != 0) total += fabs(weight) * loss;
    op.dz.row<double>(0)[s] = weight == 0 ? 0.0 : weight * beta * loss * (1 - loss);
  }
  *op.loss.row<double>(0) = total;
}

}  // namespace luthier::cuda
