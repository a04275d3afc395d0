// NF4 as bitsandbytes defines it: the 16 codes, and how a value is restored.
#pragma once

#include "dynamicMap.h"
#include "tensor.h"

namespace luthier {

constexpr float nf4Codes[16] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

// absmax of a block of 64: read, or restored as code · scale + offset, each rounded (no FMA).
inline float nf4Absmax(const Tensor& t, int64_t block) {
  float scale;
  if (!t.nestedAbsmax) {
    __builtin_memcpy(&scale, t.absmax + block * 4, 4);
    return scale;
  }
  float offset;
  __builtin_memcpy(&scale, t.nestedAbsmax + block / nf4NestedBlock * 4, 4);
  __builtin_memcpy(&offset, t.nestedAbsmax + nf4NestedBlocks(t) * 4, 4);
  const float product = signedDynamicMap[t.absmax[block]] * scale;
  return product + offset;
}

inline float nf4Value(const Tensor& t, int64_t element) {
  const uint8_t pair = t.data[element / 2];
  const int code = element % 2 == 0 ? pair >> 4 : pair & 15;
  return nf4Codes[code] * nf4Absmax(t, element / nf4Block);
}

}  // namespace luthier
