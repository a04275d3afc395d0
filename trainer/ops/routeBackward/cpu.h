// routeBackward on the CPU: tasks of whole rows.
#pragma once

#include "../route/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void routeBackwardRow(const RouteBackward& op, int64_t t) {
  const int64_t E = op.logits.cols(), K = op.topK;
  const float *weights = op.weights.row<float>(t), *given = op.dWeights.row<float>(t);
  float mean = 0;
  for (int64_t j = 0; j < K; ++j) mean += weights[j] * given[j];
  const float top = elementOf(op.logits, t, indexAt(op.expert, t * K));
  const float scale = op.normalized ? 0.0f : -mean / exponentialSum(op.logits, t, top);
  forLanes(E, [&](int64_t e, auto part) {
    float gradient[lanes];
    // With a scale of 0 an infinite exponential must not give NaN.
    const F base = op.normalized ? zero() : all(scale) * exponential(loadAny(op.logits, t, e, part) - all(top));
    store(gradient, base, Whole{});
    for (int64_t j = 0; j < K; ++j) {
      const int64_t own = indexAt(op.expert, t * K + j) - e;
      if (own >= 0 && own < lanes) gradient[own] += weights[j] * (given[j] - (op.normalized ? mean : 0.0f));
    }
    storeAny(op.dLogits, t, e, load(gradient, Whole{}), part);
  });
}

inline void routeBackward(const RouteBackward& op, Workers& workers) {
  forPieces(workers, op.logits.rows(), 16, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) routeBackwardRow(op, t);
  });
}

}  // namespace luthier::LUTHIER_ISA
