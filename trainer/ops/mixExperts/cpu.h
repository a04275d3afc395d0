// mixExperts on the CPU: tasks of whole rows of z; a token's experts are summed in order.
#pragma once

#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void mixExperts(const MixExperts& op, Workers& workers) {
  forRows(workers, op.z, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      forLanes(op.z.cols(), [&](int64_t c, auto part) {
        F sum = zero();
        for (int64_t j = 0; j < op.topK; ++j) {
          const F value = loadAny(op.y, indexAt(op.place, t * op.topK + j), c, part);
          sum = op.weights ? fma(all(op.weights->row<float>(t)[j]), value, sum) : sum + value;
        }
        if (op.residual) sum = sum + loadAny(*op.residual, t, c, part);
        storeAny(op.z, t, c, sum, part);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
