// Random words on the device, from counters as docs/engine.md defines them.
#pragma once

#include "../runtime/philox.h"
#include "device.h"

namespace luthier::cuda {

// The word of a column; `rowKey` is (example, position).
__device__ __forceinline__ uint32_t randomWord(const uint32_t* rowKey, int64_t column, int32_t tensorId, uint32_t seed, uint32_t step) {
  const PhiloxBlock random = philox({{static_cast<uint32_t>(column / 4), rowKey[1], rowKey[0], static_cast<uint32_t>(tensorId)}}, seed, step);
  const int64_t word = column % 4;  // without an index at run time, which would move the words to local memory
  return word == 0 ? random.words[0] : word == 1 ? random.words[1] : word == 2 ? random.words[2] : random.words[3];
}

}  // namespace luthier::cuda
