// noise on the CPU: tasks of whole rows; one Philox block makes four columns.
#pragma once

#include "../dropout/cpu.h"

namespace luthier::LUTHIER_ISA {

// Uniform numbers in [−1, 1).
inline F noiseOf(const Noise& op, int64_t t, int64_t c) {
  return ofRandomWords(op, t, c, [](uint32_t word) { return static_cast<float>(static_cast<int32_t>(word)) / 2147483648.0f; });
}

inline void noise(const Noise& op, Workers& workers) {
  withType(op.x.dtype, [&]<class T>(T) {
    forRows(workers, op.x, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
        const int32_t length = indexAt(op.length, t);
        const F size = length > 0 ? all(op.alpha) / squareRoot(all(static_cast<float>(length * op.x.cols()))) : zero();
        forLanes(op.x.cols(), [&](int64_t c, auto n) {
          store(op.y.row<T>(t) + c, load(op.x.row<T>(t) + c, n) + size * noiseOf(op, t, c), n);
        });
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
