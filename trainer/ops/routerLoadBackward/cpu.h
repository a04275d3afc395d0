// routerLoadBackward on the CPU: tasks of whole rows.
#pragma once

#include "../routerLoad/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void routerLoadBackward(const RouterLoadBackward& op, Workers& workers) {
  const int64_t E = op.logits.cols();
  forPieces(workers, op.logits.rows(), 16, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const float* given = op.dLoad.row<float>(indexAt(op.segmentStart, t)) + E;
      const float top = highestLogit(op.logits, t);
      const F share = all(1.0f / exponentialSum(op.logits, t, top));
      const auto probability = [&](int64_t e, auto n) { return share * exponential(loadAny(op.logits, t, e, n) - all(top)); };
      F sum = zero();
      forLanes(E, [&](int64_t e, auto n) { sum = sum + only(probability(e, n) * load(given + e, n), n); });
      const F mean = all(sumOf(sum));
      forLanes(E, [&](int64_t e, auto n) { storeAny(op.dLogits, t, e, probability(e, n) * (load(given + e, n) - mean), n); });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
