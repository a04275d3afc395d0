// dropout on a GPU: a thread an element, its random word from its own counter.
#pragma once

#include "../../native/cuda/random.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(dropout, 256) {
  const auto op = operandsOf<Dropout>(arguments);
  const auto threshold = static_cast<uint64_t>(ceil(static_cast<double>(op.p) * 4294967296.0));
  const float scale = 1.0f / (1.0f - op.p);
  const uint32_t seed = op.rngKey.row<uint32_t>(0)[0], step = op.rngKey.row<uint32_t>(0)[1];
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t t, int64_t c) {
      const uint32_t bits = randomWord(op.rowKey.row<uint32_t>(t), c, op.tensorId, seed, step);
      store(op.y.row<T>(t) + c, bits >= threshold ? load(op.x.row<T>(t) + c) * scale : 0.0f);
    });
  });
}

}  // namespace luthier::cuda
