// noise on the CPU: tasks of whole rows; one Philox block makes four columns.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/philox.h"

namespace luthier::LUTHIER_ISA {

// Uniform numbers in [−1, 1) for `lanes` columns from column c on (a multiple of 4).
inline F noiseOf(const Noise& op, int64_t t, int64_t c) {
  const auto* rowKey = op.rowKey.row<uint32_t>(t);
  const auto* rngKey = op.rngKey.row<uint32_t>(0);
  float numbers[lanes];
  for (int64_t i = 0; i < lanes; i += 4) {
    const auto block = static_cast<uint32_t>((c + i) / 4);
    const PhiloxBlock random = philox({{block, rowKey[1], rowKey[0], static_cast<uint32_t>(op.tensorId)}}, rngKey[0], rngKey[1]);
    for (int64_t k = 0; k < 4; ++k) numbers[i + k] = static_cast<float>(static_cast<int32_t>(random.words[k])) / 2147483648.0f;
  }
  return load(numbers, Whole{});
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
