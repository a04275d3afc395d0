// balanceLoss on a GPU: a thread an element of the gradient; then one thread adds the losses of the rows with a weight, in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// The factor of a row: weight · E / tokens².
__device__ __forceinline__ double balanceFactor(const BalanceLoss& op, int64_t t) {
  const int64_t experts = op.load.cols() / 2;
  const double weight = static_cast<double>(op.coefficient) * static_cast<double>(op.weight.row<float>(0)[t]);
  if (weight == 0) return 0;
  double choices = 0;
  for (int64_t e = 0; e < experts; ++e) choices += static_cast<double>(op.load.row<float>(t)[e]);
  const double tokens = choices / op.topK;
  return weight * static_cast<double>(experts) / (tokens * tokens);
}

LUTHIER_KERNEL(balanceLoss, 256) {
  const auto op = operandsOf<BalanceLoss>(arguments);
  const int64_t experts = op.load.cols() / 2;
  forElements(op.dLoad, [&](int64_t t, int64_t c) {
    const double factor = c < experts ? 0.0 : balanceFactor(op, t);
    op.dLoad.row<float>(t)[c] = factor == 0 ? 0.0f : static_cast<float>(factor * static_cast<double>(op.load.row<float>(t)[c - experts]));
  });
}

LUTHIER_KERNEL(balanceLossSum, 32) {
  const auto op = operandsOf<BalanceLoss>(arguments);
  if (threadIdx.x != 0) return;
  const int64_t experts = op.load.cols() / 2;
  double total = *op.loss.row<double>(0);
  for (int64_t t = 0; t < op.load.rows(); ++t) {
    const double factor = balanceFactor(op, t);
    if (factor == 0) continue;
    double product = 0;
    const float* row = op.load.row<float>(t);
    for (int64_t e = 0; e < experts; ++e) product += static_cast<double>(row[e]) * static_cast<double>(row[experts + e]);
    total += factor * product;
  }
  *op.loss.row<double>(0) = total;
}

}  // namespace luthier::cuda
