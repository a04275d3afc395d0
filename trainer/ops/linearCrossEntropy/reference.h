// nll = logsumexp(l) − (1 − ε)·l[target] − ε·mean(l), l = h·Wᵀ, or c·tanh(h·Wᵀ/c) with a softcap of c; ε is the smoothing.
// loss += Σ lossWeight·nll; dh and dW are the loss's gradients.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

#include <vector>

namespace luthier::reference {

template <class Real>
void linearCrossEntropyRow(const LinearCrossEntropy& op, int64_t r, std::vector<Real>& logits) {
  const int64_t V = op.w.rows(), d = op.h.cols(), target = integerAt(op.target, r);
  const Real weight = get<Real>(op.lossWeight, r);
  Real highest = -INFINITY;
  for (int64_t v = 0; v < V; ++v) {
    Real sum = 0;
    for (int64_t c = 0; c < d; ++c) sum += get<Real>(op.h, r, c) * get<Real>(op.w, v, c);
    logits[v] = op.softcap > 0 ? static_cast<Real>(op.softcap) * std::tanh(sum / static_cast<Real>(op.softcap)) : sum;
    highest = std::fmax(highest, sum);
  }
  Real total = 0, all = 0;
  for (int64_t v = 0; v < V; ++v) {
    total += std::exp(logits[v] - highest);
    all += logits[v];
  }
  const Real smoothing = static_cast<Real>(op.smoothing), each = smoothing / static_cast<Real>(V);
  const Real lse = highest + std::log(total), nll = lse - (Real(1) - smoothing) * logits[target] - each * all;
  put<Real>(op.nll, r, nll);
  accumulate<double>(op.loss, 0, 0, static_cast<double>(weight * nll));
  for (int64_t v = 0; v < V; ++v) {
    const Real tangent = op.softcap > 0 ? logits[v] / static_cast<Real>(op.softcap) : Real(0);
    const Real wanted = each + (v == target ? Real(1) - smoothing : Real(0));
    logits[v] = weight * (std::exp(logits[v] - lse) - wanted) * (Real(1) - tangent * tangent);
  }
  for (int64_t c = 0; c < d; ++c) {
    Real sum = 0;
    for (int64_t v = 0; op.dh && v < V; ++v) sum += logits[v] * get<Real>(op.w, v, c);
    if (op.dh) put<Real>(*op.dh, r, c, sum);
    for (int64_t v = 0; op.dW && v < V; ++v) accumulate<Real>(*op.dW, v, c, logits[v] * get<Real>(op.h, r, c));
  }
}

template <class Real>
void linearCrossEntropy(const LinearCrossEntropy& op) {
  std::vector<Real> logits(static_cast<size_t>(op.w.rows()));
  for (int64_t r = 0; r < op.h.rows(); ++r) {
    if (get<Real>(op.lossWeight, r) != Real(0)) {
      linearCrossEntropyRow<Real>(op, r, logits);
      continue;
    }
    put<Real>(op.nll, r, Real(0));
    for (int64_t c = 0; op.dh && c < op.h.cols(); ++c) put<Real>(*op.dh, r, c, Real(0));
  }
}

}  // namespace luthier::reference
