// noise on a GPU: a thread an element, its random word from its own counter.
#pragma once

#include "../../native/cuda/device.h"
#include "../../native/cuda/random.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(noise, 256) {
  const auto op = operandsOf<Noise>(arguments);
  const uint32_t seed = op.rngKey.row<uint32_t>(0)[0], step = op.rngKey.row<uint32_t>(0)[1];
  const int64_t width = op.x.cols();
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t t, int64_t c) {
      const int64_t length = op.length.row<int32_t>(0)[t];
      const float size = length > 0 ? op.alpha / sqrtf(static_cast<float>(length * width)) : 0.0f;
      const float u = static_cast<float>(static_cast<int32_t>(randomWord(op.rowKey.row<uint32_t>(t), c, op.tensorId, seed, step))) / 2147483648.0f;
      store(op.y.row<T>(t) + c, load(op.x.row<T>(t) + c) + size * u);
    });
  });
}

}  // namespace luthier::cuda
