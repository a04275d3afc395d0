// loss += coefficient · Σ weight·E·Σ counts·sums / n², n the example's tokens times the model's routers.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void balanceLoss(const BalanceLoss& op) {
  const int64_t E = op.load.cols() / 2;
  for (int64_t t = 0; t < op.load.rows(); ++t) {
    const Real weight = static_cast<Real>(op.coefficient) * get<Real>(op.weight, t);
    Real choices = 0, product = 0;
    for (int64_t e = 0; e < E; ++e) choices += get<Real>(op.load, t, e);
    for (int64_t e = 0; e < E; ++e) product += get<Real>(op.load, t, e) * get<Real>(op.load, t, E + e);
    const Real tokens = choices / static_cast<Real>(op.topK);
    const Real factor = weight == Real(0) ? Real(0) : weight * static_cast<Real>(E) / (tokens * tokens);
    for (int64_t e = 0; e < E; ++e) {
      put<Real>(op.dLoad, t, e, Real(0));
      put<Real>(op.dLoad, t, E + e, weight == Real(0) ? Real(0) : factor * get<Real>(op.load, t, e));
    }
    if (weight != Real(0)) accumulate<double>(op.loss, 0, 0, static_cast<double>(factor * product));
  }
}

}  // namespace luthier::reference
