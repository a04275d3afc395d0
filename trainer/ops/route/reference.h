// The topK experts of each token, their weights, and the choices sorted by expert.
#pragma once

#include <cmath>
#include <vector>

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

// A logit as the choice compares it.
template <class Real>
Real comparable(const Tensor& logits, int64_t t, int64_t e) {
  const Real value = get<Real>(logits, t, e);
  return std::isnan(value) ? -INFINITY : value;
}

template <class Real>
std::vector<int64_t> chosenExperts(const Tensor& logits, int64_t t, int64_t count) {
  std::vector<int64_t> chosen;
  std::vector<bool> taken(static_cast<size_t>(logits.cols()), false);
  for (int64_t j = 0; j < count; ++j) {
    int64_t best = -1;
    for (int64_t e = 0; e < logits.cols(); ++e) {
      if (taken[static_cast<size_t>(e)]) continue;
      if (best < 0 || comparable<Real>(logits, t, e) > comparable<Real>(logits, t, best)) best = e;
    }
    chosen.push_back(best < 0 ? 0 : best);
    taken[static_cast<size_t>(chosen.back())] = true;
  }
  return chosen;
}

template <class Real>
void route(const Route& op) {
  const int64_t T = op.logits.rows(), E = op.logits.cols(), K = op.topK;
  std::vector<int64_t> experts;
  for (int64_t t = 0; t < T; ++t) {
    const std::vector<int64_t> chosen = chosenExperts<Real>(op.logits, t, K);
    const Real top = get<Real>(op.logits, t, chosen[0]);
    Real total = 0;
    if (op.normalized) {
      for (const int64_t e : chosen) total += std::exp(get<Real>(op.logits, t, e) - top);
    } else {
      for (int64_t e = 0; e < E; ++e) total += std::exp(get<Real>(op.logits, t, e) - top);
    }
    for (int64_t j = 0; j < K; ++j) {
      const int64_t e = chosen[static_cast<size_t>(j)];
      put<Real>(op.weights, t, j, std::exp(get<Real>(op.logits, t, e) - top) / total);
      put<double>(op.expert, t * K + j, static_cast<double>(e));
      experts.push_back(e);
    }
  }
  int64_t row = 0;
  for (int64_t e = 0; e < E; ++e) {
    put<double>(op.starts, e, static_cast<double>(row));
    for (int64_t s = 0; s < T * K; ++s) {
      if (experts[static_cast<size_t>(s)] != e) continue;
      put<double>(op.order, row, static_cast<double>(s));
      put<double>(op.place, s, static_cast<double>(row));
      row += 1;
    }
  }
  put<double>(op.starts, E, static_cast<double>(row));
}

}  // namespace luthier::reference
