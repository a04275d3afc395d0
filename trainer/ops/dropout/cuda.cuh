// dropout on a GPU: a thread an element, its random word from its own counter.
#pragma once

#include "../../native/cuda/device.h"
#include "../../native/runtime/philox.h"

namespace luthier::cuda {

LUTHIER_KERNEL(dropout, 256) {
  const auto op = operandsOf<Dropout>(arguments);
  const auto threshold = static_cast<uint64_t>(ceil(static_cast<double>(op.p) * 4294967296.0));
  const float scale = 1.0f / (1.0f - op.p);
  const uint32_t seed = op.rngKey.row<uint32_t>(0)[0], step = op.rngKey.row<uint32_t>(0)[1];
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t t, int64_t c) {
      const uint32_t* key = op.rowKey.row<uint32_t>(t);  // example, position
      const PhiloxBlock random = philox({{static_cast<uint32_t>(c / 4), key[1], key[0], static_cast<uint32_t>(op.tensorId)}}, seed, step);
      const int64_t word = c % 4;
      const uint32_t bits = word == 0 ? random.words[0] : word == 1 ? random.words[1] : word == 2 ? random.words[2] : random.words[3];
      store(op.y.row<T>(t) + c, bits >= threshold ? load(op.x.row<T>(t) + c) * scale : 0.0f);
    });
  });
}

}  // namespace luthier::cuda
