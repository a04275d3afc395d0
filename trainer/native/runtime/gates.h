// The random numbers of hard-concrete gates, by seed, step, site and position.
#pragma once

#include "philox.h"

namespace luthier {

// The last words of counters, which neither dropout (tensors from 0) nor noise (−1) uses.
inline constexpr uint32_t elementGates = 0xfffffffeu, matrixGates = 0xfffffffdu;

// Words of the four columns from 4·block on.
LUTHIER_EVERYWHERE inline PhiloxBlock gateBlock(int64_t row, int64_t block, int32_t site, uint32_t stream, uint32_t seed, uint32_t step) {
  return philox({{static_cast<uint32_t>(block), static_cast<uint32_t>(row), static_cast<uint32_t>(site), stream}}, seed, step);
}

}  // namespace luthier
