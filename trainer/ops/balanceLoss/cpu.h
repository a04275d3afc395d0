// balanceLoss on the CPU: one pass over the rows, in order, in double; few of them have a weight.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline double balanceRow(const BalanceLoss& op, int64_t t, double weight) {
  const int64_t E = op.load.cols() / 2;
  const float* row = op.load.row<float>(t);
  double choices = 0, product = 0;
  for (int64_t e = 0; e < E; ++e) {
    choices += static_cast<double>(row[e]);
    product += static_cast<double>(row[e]) * static_cast<double>(row[E + e]);
  }
  const double tokens = choices / op.topK, factor = weight * static_cast<double>(E) / (tokens * tokens);
  for (int64_t e = 0; e < E; ++e) op.dLoad.row<float>(t)[E + e] = static_cast<float>(factor * static_cast<double>(row[e]));
  return factor * product;
}

inline void balanceLoss(const BalanceLoss& op, Workers&) {
  double loss = doubleAt(op.loss, 0);
  for (int64_t t = 0; t < op.load.rows(); ++t) {
    for (int64_t c = 0; c < op.load.cols(); ++c) op.dLoad.row<float>(t)[c] = 0;
    const double weight = static_cast<double>(op.coefficient) * static_cast<double>(floatAt(op.weight, t));
    if (weight != 0) loss += balanceRow(op, t, weight);
  }
  putDouble(op.loss, 0, loss);
}

}  // namespace luthier::LUTHIER_ISA
