// gradBias on the CPU: tasks sum 64 rows each, and the sums are added in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t gradBiasRows = 64;

inline void gradBias(const GradBias& op, Workers& workers) {
  const int64_t d = op.dy.cols(), pieces = ceilDivide(op.dy.rows(), gradBiasRows), stride = roundUp(d, lanes);
  float* sums = reinterpret_cast<float*>(workers.sharedScratch(pieces * stride * 4));
  forPieces(workers, op.dy.rows(), gradBiasRows, [&](int64_t first, int64_t last) {
    float* sum = sums + first / gradBiasRows * stride;
    __builtin_memset(sum, 0, static_cast<size_t>(stride) * 4);
    for (int64_t r = first; r < last; ++r) {
      forLanes(d, [&](int64_t c, auto n) { store(sum + c, load(sum + c, n) + loadAny(op.dy, r, c, n), n); });
    }
  });
  float* dBias = op.dBias.row<float>(0);
  const F scale = all(op.scale);
  forPieces(workers, d, 1024, [&](int64_t first, int64_t last) {
    forLanes(last - first, [&](int64_t c, auto n) {
      F sum = zero();
      for (int64_t piece = 0; piece < pieces; ++piece) sum = sum + load(sums + piece * stride + first + c, n);
      store(dBias + first + c, load(dBias + first + c, n) + scale * sum, n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
