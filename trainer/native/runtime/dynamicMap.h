// The dynamic data types of 8 bits (Dettmers 2015, 2022), as bitsandbytes defines them: 256 values from −0.993 or 0 to 1,
// spaced in proportion to their size over seven decades. NF4's second quantisation uses the signed one, 8-bit optimiser
// state the signed one for first moments and the unsigned one for second moments.
#pragma once

#include "tensor.h"

namespace luthier {

inline constexpr int64_t dynamicBlock = 256;  // elements of optimiser state per scale
inline constexpr int64_t dynamicCodes = 256;  // values of a map

// Sorted; computed once by dynamicMap.cc.
extern const float* const signedDynamicMap;
extern const float* const unsignedDynamicMap;

// The code of the nearest value of a map; a value halfway between two belongs to the lower one. Always inlined: a copy
// that is compiled for one instruction set must not be linked into code that runs on another.
template <class Real>
[[gnu::always_inline]] LUTHIER_EVERYWHERE inline uint8_t dynamicCode(const float* map, Real x) {
  int32_t code = 0;  // the number of midpoints below x
  for (int32_t step = 128; step > 0; step /= 2) {
    const Real middle = (static_cast<Real>(map[code + step - 1]) + static_cast<Real>(map[code + step])) / 2;
    code += x > middle ? step : 0;
  }
  return static_cast<uint8_t>(code);
}

}  // namespace luthier
