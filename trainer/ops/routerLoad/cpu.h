// routerLoad on the CPU: a task has the examples that begin in its rows, and adds their tokens in order.
#pragma once

#include "../route/cpu.h"

namespace luthier::LUTHIER_ISA {

inline float highestLogit(const Tensor& logits, int64_t t) {
  float top = elementOf(logits, t, 0);
  for (int64_t e = 1; e < logits.cols(); ++e) {
    const float value = elementOf(logits, t, e);
    if (value > top) top = value;
  }
  return top;
}

inline void addLoad(const RouterLoad& op, int64_t t, float* row) {
  const int64_t E = op.logits.cols();
  for (int64_t j = 0; j < op.topK; ++j) row[indexAt(op.expert, t * op.topK + j)] += 1;
  const float top = highestLogit(op.logits, t);
  const F share = all(1.0f / exponentialSum(op.logits, t, top));
  forLanes(E, [&](int64_t e, auto n) {
    store(row + E + e, load(row + E + e, n) + share * exponential(loadAny(op.logits, t, e, n) - all(top)), n);
  });
}

inline void routerLoad(const RouterLoad& op, Workers& workers) {
  const int64_t T = op.logits.rows(), width = op.load.cols();
  forPieces(workers, T, 16, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      float* row = op.load.row<float>(t);
      if (!op.before) {
        for (int64_t c = 0; c < width; ++c) row[c] = 0;
      } else if (op.before->data != op.load.data) {
        for (int64_t c = 0; c < width; ++c) row[c] = op.before->row<float>(t)[c];
      }
      // The tokens of an example are one after another.
      if (indexAt(op.segmentStart, t) != t) continue;
      for (int64_t one = t; one < T && indexAt(op.segmentStart, one) == t; ++one) addLoad(op, one, row);
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
