// mixExpertsBackward on the CPU: tasks of whole rows of dy.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void mixExpertsBackward(const MixExpertsBackward& op, Workers& workers) {
  forRows(workers, op.dy, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      const int64_t choice = indexAt(op.order, p), t = choice / op.topK, j = choice % op.topK;
      const float weight = op.weights.row<float>(t)[j];
      F sum = zero();
      forLanes(op.dy.cols(), [&](int64_t c, auto part) {
        const F given = loadAny(op.dz, t, c, part);
        sum = fma(given, loadAny(op.y, p, c, part), sum);
        storeAny(op.dy, p, c, all(weight) * given, part);
      });
      op.dWeights.row<float>(t)[j] = sumOf(sum);
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
