// scaleColumnsBackward on the CPU: rows in tasks; dScale from sums of 64 rows, added in order.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t scaleColumnsRows = 64;

inline void scaleColumnsBackward(const ScaleColumnsBackward& op, Workers& workers) {
  const int64_t d = op.dy.cols(), pieces = ceilDivide(op.dy.rows(), scaleColumnsRows), stride = roundUp(d, lanes);
  float* sums = op.dScale ? reinterpret_cast<float*>(workers.sharedScratch(pieces * stride * 4)) : nullptr;
  forPieces(workers, op.dy.rows(), scaleColumnsRows, [&](int64_t first, int64_t last) {
    float* sum = sums ? sums + first / scaleColumnsRows * stride : nullptr;
    if (sum) __builtin_memset(sum, 0, static_cast<size_t>(stride) * 4);
    for (int64_t r = first; r < last; ++r) {
      forLanes(d, [&](int64_t c, auto n) {
        const F dy = loadAny(op.dy, r, c, n);
        if (sum) store(sum + c, load(sum + c, n) + dy * loadAny(op.x, r, c, n), n);
        storeAny(op.dx, r, c, dy * loadAny(op.scale, 0, c, n), n);
      });
    }
  });
  if (!sums) return;
  float* dScale = op.dScale->row<float>(0);
  forPieces(workers, d, 1024, [&](int64_t first, int64_t last) {
    forLanes(last - first, [&](int64_t c, auto n) {
      F sum = load(dScale + first + c, n);
      for (int64_t piece = 0; piece < pieces; ++piece) sum = sum + load(sums + piece * stride + first + c, n);
      store(dScale + first + c, sum, n);
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
